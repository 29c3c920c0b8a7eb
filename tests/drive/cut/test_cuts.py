"""Cuts at every place of a real order's conversation, and what the checks say of the retries."""

from doorbuster.drive.cut.places import SLOW_KINDS
from doorbuster.engine.aftermath import LOST
from doorbuster.model.verdict import Verdict

from tests.drive.conftest import Drive, violated

ALL = ["close", "reset", "blackhole", "stall"]


def test_the_hardened_function_gives_every_retry_the_first_order(drive: Drive) -> None:
    result = drive("cut", kinds=ALL, start_up=True, parallel=16)
    assert result.verdict is Verdict.PASS
    assert result.cuts is not None
    assert result.cuts["ambiguous"] > 0
    assert result.cuts["same_order_on_retry"] == result.cuts["ambiguous"]
    assert {row["cut"].split()[0] for row in result.cuts["strip"]} == set(ALL)


def test_every_byte_of_the_answer_leaves_the_order_committed_and_unanswered_but_the_last(drive: Drive) -> None:
    result = drive("cut", step="byte", directions=["down"], kinds=["close"])
    assert result.verdict is Verdict.PASS
    assert result.cuts is not None
    assert result.cuts["places"] == result.cuts["down"] + 1
    assert result.cuts["ambiguous"] == result.cuts["down"]


def test_the_function_as_first_published_orders_twice_exactly_where_an_order_was_not_answered(drive: Drive) -> None:
    result = drive("cut", "first_published", kinds=ALL, parallel=16)
    assert violated(result) == {"duplicate_order"}
    assert result.cuts is not None
    for row in result.cuts["strip"]:
        assert (row["violated"] == "duplicate_order") == (row["happened"] == LOST), row
    check = next(c for c in result.checks if c.name == "duplicate_order")
    assert check.replay is not None
    assert check.replay.startswith("doorbuster cut --at '")


def test_two_calls_are_convicted_between_them(drive: Drive) -> None:
    result = drive("cut", "two_calls", kinds=["close", "reset"])
    assert violated(result) == {"conservation", "partial_order", "duplicate_order", "wrong_amount"}
    assert result.cuts is not None
    between = [row for row in result.cuts["strip"] if row["happened"].startswith("half done")]
    assert between
    assert all("partial_order" in row["violated"] for row in between)


def test_a_rollback_by_hand_is_convicted(drive: Drive) -> None:
    result = drive("cut", "application_rollback", kinds=["close"])
    assert {"conservation", "partial_order"} <= violated(result)


def test_one_place_can_be_gone_to_again(drive: Drive) -> None:
    assert violated(drive("cut", "first_published", only="close down 0")) == {"duplicate_order"}
    nothing = drive("cut", "first_published", only="close up 0")
    assert violated(nothing) == set()
    assert nothing.orders == 4  # three clean ones to learn the conversation, and the one that was cut


def test_the_slow_kinds_are_the_patient_ones() -> None:
    assert set(SLOW_KINDS) == {"blackhole", "stall"}
