import pytest
from doorbuster.config.contract import load_contract
from doorbuster.drive.stateful.expect import Change, judge_again, judge_first, judge_reused
from doorbuster.drive.stateful.ledger import ledger_sql
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.host.resources import resource
from doorbuster.model.order import OrderClass
from doorbuster.model.outcome import Outcome
from pglast import parse_sql

NOTHING = Change({}, {}, {}, 0)
SOLD_TWO = Change({"1": -2}, {"1": 2}, {"1": -2}, 1)


def first(
    order_class: OrderClass, stock: int, outcome: Outcome, done: Change | None, refuse: tuple[str, ...] = ("zero",)
) -> str | None:
    mistake = judge_first(
        order_class, {"1": 2}, {"1": stock}, outcome, done, refuse=refuse, has_movements=True
    )
    return mistake.check if mistake else None


@pytest.mark.parametrize(
    ("order_class", "stock", "outcome", "done", "check"),
    [
        ("valid", 2, Outcome.OK, SOLD_TWO, None),
        ("valid", 1, Outcome.SOLD_OUT, NOTHING, None),
        ("valid", 1, Outcome.OK, SOLD_TWO, "oversold"),
        ("valid", 2, Outcome.SOLD_OUT, NOTHING, "false_sold_out"),
        ("valid", 2, Outcome.REFUSED, NOTHING, "turned_away"),
        ("valid", 2, Outcome.UNKNOWN, SOLD_TWO, None),
        ("valid", 1, Outcome.SOLD_OUT, Change({}, {}, {}, 1), "ghost_order"),
        ("valid", 2, Outcome.OK, Change({"1": -2}, {"1": 2}, {}, 1), "partial_order"),
        ("valid", 2, Outcome.OK, Change({"1": -2}, {"1": 2}, {"1": 2}, 1), "partial_order"),
        ("valid", 2, Outcome.OK, None, None),
        ("duplicate_lines", 2, Outcome.REFUSED, NOTHING, None),
        ("wrong_total", 2, Outcome.REFUSED, NOTHING, None),
        ("zero", 2, Outcome.OK, SOLD_TWO, "bad_order_accepted"),
        ("zero", 2, Outcome.ERROR, NOTHING, None),
        ("zero", 2, Outcome.REFUSED, SOLD_TWO, "ghost_order"),
    ],
)
def test_each_answer_to_a_new_order_is_judged(
    order_class: OrderClass, stock: int, outcome: Outcome, done: Change | None, check: str | None
) -> None:
    assert first(order_class, stock, outcome, done) == check


@pytest.mark.parametrize(
    ("outcome", "order_id", "done", "wrong"),
    [
        (Outcome.OK, "7", NOTHING, False),
        (Outcome.OK, "7", None, False),
        (Outcome.UNKNOWN, None, NOTHING, False),
        (Outcome.OK, "8", NOTHING, True),
        (Outcome.SOLD_OUT, None, NOTHING, True),
        (Outcome.OK, "7", SOLD_TWO, True),
    ],
)
def test_a_retry_gets_the_first_order(outcome: Outcome, order_id: str | None, done: Change, wrong: bool) -> None:
    assert (judge_again("7", outcome, order_id, done) is not None) == wrong


def test_another_cart_under_a_used_key_changes_nothing() -> None:
    assert judge_reused(Outcome.OK, SOLD_TWO, refuse=()) is not None
    assert judge_reused(Outcome.OK, NOTHING, refuse=()) is None
    assert judge_reused(Outcome.OK, NOTHING, refuse=("reused_key",)) is not None
    assert judge_reused(Outcome.REFUSED, NOTHING, refuse=("reused_key",)) is None


def test_the_ledger_is_one_query_that_parses() -> None:
    contract = load_contract(resource(DEFAULT_CONTRACT)).contract
    assert len(parse_sql(ledger_sql(contract))) == 1
