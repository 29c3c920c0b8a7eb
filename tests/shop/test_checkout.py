"""The example shop's own endpoints: honest, as published, and as they once were."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doorbuster.host.resources import resource

from tests.shop.conftest import Serve, Served

CUSTOMER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def honest(module_serve: Serve) -> Iterator[Served]:
    with module_serve() as served:
        yield served


def ordered(served: Served, product: object, quantity: object, total: str, key: str | None = None) -> httpx.Response:
    body = (
        f'{{"user_id": "{CUSTOMER}", "total_amount": {total}, '
        f'"items": [{{"product_id": {json.dumps(product)}, "quantity": {json.dumps(quantity)}}}]}}'
    )
    headers = {} if key is None else {"Idempotency-Key": key}
    url = f"{served.url}/api/checkout/create-order"
    return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=20)


def told(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def test_a_key_that_comes_again_gets_its_order_again(honest: Served) -> None:
    first, again, other = (ordered(honest, 2, 1, "7.25", key) for key in ("a", "a", "b"))
    assert first.json() == again.json()
    assert other.json()["order_id"] != first.json()["order_id"]
    assert honest.database.fetchval("select count(*) from orders where idempotency_key in ('a', 'b')") == 2


@pytest.mark.parametrize(
    ("product", "quantity", "total", "answer"),
    [
        (1, 5, "52.50", (409, "sold_out")),
        (77, 1, "1.00", (422, "refused")),
        (2, 0, "0", (422, "refused")),
        (2, 1, "99.99", (422, "refused")),
        (2, "many", "7.25", (422, "refused")),
    ],
)
def test_an_honest_shop_tells_one_no_from_another(
    honest: Served, product: object, quantity: object, total: str, answer: tuple[int, str]
) -> None:
    before = honest.database.fetchval("select count(*) from orders")
    assert told(ordered(honest, product, quantity, total)) == answer
    assert honest.database.fetchval("select count(*) from orders") == before


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"items": 7}', "{'"])
def test_what_is_no_order_is_malformed(honest: Served, body: str) -> None:
    url = f"{honest.url}/api/checkout/create-order"
    assert told(httpx.post(url, content=body, trust_env=False)) == (400, "malformed")


def test_the_retired_endpoint_is_gone_and_changes_nothing(honest: Served) -> None:
    ordered(honest, 2, 1, "7.25", "retired")
    before = honest.database.fetchval("select stock_quantity from products where id = 2")
    body = {"order_id": 1, "items": [{"product_id": 2, "quantity": 1}]}
    answer = httpx.post(f"{honest.url}/api/checkout/update-inventory", json=body, trust_env=False)
    assert answer.status_code == 410
    assert honest.database.fetchval("select stock_quantity from products where id = 2") == before


def test_the_old_flow_can_be_switched_on_and_takes_goods_only_in_its_second_step(serve: Serve) -> None:
    with serve("--flow", "two_step") as served:
        order = ordered(served, 2, 3, "21.75").json()
        assert served.database.fetchval("select stock_quantity from products where id = 2") == 100
        body = {"order_id": order["order_id"], "items": [{"product_id": 2, "quantity": 3}]}
        assert httpx.post(f"{served.url}/api/checkout/update-inventory", json=body, trust_env=False).status_code == 200
        assert served.database.fetchval("select stock_quantity from products where id = 2") == 97


# The commit takes longer than the shop waits for it.
LATE = """
create function too_late() returns trigger language plpgsql as
$$ begin perform pg_sleep(2); return null; end $$;
create constraint trigger late after insert on orders deferrable initially deferred
for each row execute function too_late();
"""


@pytest.mark.parametrize(("errors", "status"), [("honest", 503), ("as_published", 400)])
def test_an_answer_that_does_not_come_in_time_is_a_503_or_as_published_a_definite_no(
    serve: Serve, errors: str, status: int
) -> None:
    with serve("--errors", errors, "--timeout-s", "0.2", sql=LATE) as served:
        answer = ordered(served, 2, 1, "7.25", "late")
        assert answer.status_code == status
        # The session goes on without its client, and commits.
        waited = "select count(*) from orders where idempotency_key = 'late'"
        served.database.fetchval("select pg_sleep(2.5)")
        assert served.database.fetchval(waited) == 1


def test_the_published_endpoint_does_not_find_the_function_by_its_argument(serve: Serve) -> None:
    with serve("--items-argument", "order_items") as served:
        answer = ordered(served, 2, 1, "7.25")
        assert told(answer) == (404, "not_found")
        assert "create_order_with_inventory(order_data, order_items)" in answer.json()["error"]


def test_a_missing_package_is_named_with_what_to_type(tmp_path: Path) -> None:
    for package in ("uvicorn", "starlette"):
        (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('no', name={package!r})")
    process = subprocess.run(
        [sys.executable, "-m", "shop"], cwd=resource("scenarios"), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert process.returncode == 3
    assert "pip install 'doorbuster[shop]'" in process.stderr
    assert "Traceback" not in process.stderr
