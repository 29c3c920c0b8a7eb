"""The example shops, each a process of its own, cut and crashed: who is right passes, who is wrong is convicted."""

import pytest
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
    assert violated(result) == {"ghost_order"}
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
