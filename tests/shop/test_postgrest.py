"""The example shop's RPC against a table of golden cases."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from shop.postgrest import status_of

from tests.shop.conftest import Serve, Served

HERE = Path(__file__).parent
GOLDEN = tomllib.loads((HERE / "rpc.toml").read_text())


@pytest.fixture(scope="module")
def rpc(module_serve: Serve) -> Iterator[Served]:
    with module_serve(sql=(HERE / "rpc.sql").read_text()) as served:
        yield served


def called(served: Served, function: str, send: str) -> httpx.Response:
    return httpx.post(f"{served.url}/rest/v1/rpc/{function}", content=send, trust_env=False, timeout=20)


@pytest.mark.parametrize("case", GOLDEN["case"], ids=lambda case: str(case["about"]))
def test_a_call_is_answered_as_postgrest_answers_it(rpc: Served, case: dict[str, Any]) -> None:
    answer = called(rpc, case["function"], case["send"])
    assert answer.status_code == case["status"], answer.text
    if "body" in case:
        assert answer.json() == json.loads(case["body"])
    if "has" in case:
        assert answer.json().items() >= case["has"].items()


@pytest.mark.parametrize(("state", "status"), GOLDEN["states"].items())
def test_a_sqlstate_has_its_status(rpc: Served, state: str, status: int) -> None:
    assert called(rpc, "fail_with", json.dumps({"state": state})).status_code == status


def test_whoever_is_logged_in_is_forbidden_and_not_asked_who_he_is() -> None:
    assert (status_of("42501", is_anonymous=False), status_of("42501", is_anonymous=True)) == (403, 401)


def test_a_call_is_one_transaction(rpc: Served) -> None:
    assert called(rpc, "write_and_fail", "{}").status_code == 400
    assert rpc.database.fetchval("select stock_quantity from products where id = 2") == 100


def test_numbers_go_through_digit_by_digit(rpc: Served) -> None:
    rpc.database.execute("create function exact(n numeric) returns text language sql as 'select n::text'")
    send = '{"n": 0.1000000000000000055511151231257827}'
    assert called(rpc, "exact", send).json() == "0.1000000000000000055511151231257827"


@pytest.mark.parametrize(("options", "status", "tries"), [((), 500, 1), (("--retry-serialization",), 200, 3)])
def test_a_serialization_failure_is_tried_again_only_where_it_is_switched_on(
    serve: Serve, options: tuple[str, ...], status: int, tries: int
) -> None:
    with serve(*options, sql=(HERE / "rpc.sql").read_text()) as served:
        assert called(served, "third_time_lucky", "{}").status_code == status
        assert served.database.fetchval("select last_value from tries") == tries


def test_a_role_is_set_for_the_transaction_with_its_claims(serve: Serve) -> None:
    sql = """
        create role shop_visitor; grant usage on schema public to shop_visitor;
        create function who() returns text language sql as
            $$ select current_user || ' ' || (current_setting('request.jwt.claims')::json ->> 'role') $$
    """
    with serve("--role", "shop_visitor", sql=sql) as served:
        try:
            assert called(served, "who", "{}").json() == "shop_visitor shop_visitor"
            order = '{"order_data": {}, "order_items_data": []}'
            served.database.execute("revoke all on function create_order_with_inventory from public")
            assert called(served, "create_order_with_inventory", order).status_code == 403
        finally:
            served.database.execute("drop owned by shop_visitor; drop role shop_visitor")
