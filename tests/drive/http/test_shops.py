"""The example shops, each a process of its own, cut and crashed: who is right passes, who is wrong is convicted."""

import json
from pathlib import Path

import pytest
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.result import ScenarioResult

from tests.drive.conftest import Drive, violated


def holds(result: ScenarioResult) -> set[str]:
    return {check.name for check in result.checks if check.status.value == "holds"}


@pytest.mark.parametrize(
    ("link", "messages"),
    [
        ("shop", {"POST /api/checkout/create-order", "body", "200 OK"}),
        ("database", {"Bind", "DataRow", "ReadyForQuery"}),
    ],
)
def test_the_honest_shop_survives_every_cut_of_either_conversation(
    drive: Drive, link: str, messages: set[str]
) -> None:
    result = drive("cut", "http_shop", link=link, kinds=["close", "stall"])
    assert violated(result) == set()
    assert {"duplicate_order", "lost_order", "conservation", "partial_order"} <= holds(result)
    told = result.cuts or {}
    assert messages <= {message["message"] for message in told["conversation"]}
    assert told["ambiguous"] > 0
    assert told["same_order_on_retry"] == told["ambiguous"]
    assert result.attribution.endswith("by the order key")


def test_the_published_endpoint_denies_orders_that_exist(drive: Drive) -> None:
    result = drive("cut", "http_as_published", link="database", kinds=["close"], directions=["down"])
    # On a busy machine the next order meets the cut connection in the shop's pool, which is a 400 there as well.
    turned_away = [row for check in result.checks if check.name == "turned_away" for row in check.rows]
    assert all(row["code"] == "400" and "connection was closed" in str(row["message"]) for row in turned_away)
    assert violated(result) - {"turned_away"} == {"ghost_order"}
    (ghost,) = (check for check in result.checks if check.name == "ghost_order")
    assert (ghost.example or {})["tied_by"] == "order_key"


def test_two_requests_are_convicted_between_them(drive: Drive) -> None:
    result = drive("cut", "http_two_step", link="shop", kinds=["close"])
    assert {"conservation", "duplicate_order"} <= violated(result)


def test_every_statement_of_an_rpc_is_met_in_the_shops_session(drive: Drive) -> None:
    result = drive("crash", "http_rpc", kinds=["terminate", "lock_timeout", "kill_client"])
    assert violated(result) == set()
    told = result.crashes or {}
    assert told["not_reached"] == 0
    assert told["places"] > 20


def test_a_killed_server_loses_no_order_of_the_shops(drive: Drive) -> None:
    result = drive("crash", "http_shop", at="load", kills=2, aimed=1)
    assert violated(result) == set()
    assert (result.crashes or {})["ambiguous"] == 2


def test_orders_are_interleaved_inside_the_shops_sessions_as_exhaustively_as_over_sql(drive: Drive) -> None:
    over_http, over_sql = (
        drive("interleave", contract, crowds=["last_unit"]) for contract in ("http_rpc", "create_order_with_inventory")
    )
    assert violated(over_http) == set()
    told = over_http.schedules or {}
    assert told["exhausted"] is True
    assert told["explored"] == (over_sql.schedules or {})["explored"] > 20


def test_a_race_behind_the_shop_is_found_with_its_schedule(tmp_path: Path) -> None:
    # The mapping names a column that this function knows nothing of.
    (tmp_path / "column.sql").write_text("alter table orders add column idempotency_key text")
    path = tmp_path / "contract.toml"
    base, sql = resource("scenarios/contracts/http_rpc.toml"), resource("sql")
    files = [str(sql / "schema.sql"), "column.sql", str(sql / "broken/absolute_write.sql")]
    path.write_text(f'name = "race"\nextends = "{base}"\n[schema]\nfiles = {json.dumps(files)}\n')
    content = {"name": "i", "kind": "interleave", "description": "A test.", "interleave": {"crowds": ["last_unit"]}}
    result = run(job_of(path, content), RunSettings(out=tmp_path, seed=7, command="test"), lambda _: None)
    (scenario,) = result.scenarios
    assert {"oversold", "conservation"} <= violated(scenario)
    failing = (scenario.schedules or {})["failing"]
    assert any("oversold" in one["checks"] and one["preemptions"] == 1 for one in failing)


def test_a_retired_endpoint_that_still_works_is_convicted(tmp_path: Path) -> None:
    path = tmp_path / "contract.toml"
    shop = resource("scenarios/contracts/http_shop.toml")
    # create-order is as it is to be, and the endpoint that took goods off the shelf before is still there.
    command = '["{python}", "-m", "shop", "--keep-retired"]'
    path.write_text(f'name = "kept"\nextends = "{shop}"\n[place.http.server]\ncommand = {command}\n')
    content = {"name": "s", "kind": "stateful", "description": "A test.", "stateful": {"examples": 0, "crowds": 2}}
    result = run(job_of(path, content), RunSettings(out=tmp_path, seed=7, command="test"), lambda _: None)
    (scenario,) = result.scenarios
    assert "retired_endpoint" in violated(scenario)
    (check,) = (check for check in scenario.checks if check.name == "retired_endpoint")
    problems = [str(row["problem"]) for row in check.rows]
    assert "was answered 200, which is no refusal" in problems
    assert any(problem.startswith("changed stock of product 800001") for problem in problems)
