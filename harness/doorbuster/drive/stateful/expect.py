"""What a correct shop may answer to one order, when nobody else is there. Pure rules; each names its check."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from doorbuster.drive.stateful.ledger import Sums
from doorbuster.model.order import OrderClass
from doorbuster.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Change:
    """What one order changed: units by product (only what is not 0), and the number of live orders."""

    stock: dict[str, int]
    lines: dict[str, int]
    moved: dict[str, int]
    orders: int

    @property
    def is_none(self) -> bool:
        return not (self.stock or self.lines or self.moved or self.orders)

    def __str__(self) -> str:
        told = [
            f"{what} of product {product} {units:+d}"
            for what, by_product in (("stock", self.stock), ("lines", self.lines), ("movements", self.moved))
            for product, units in by_product.items()
        ]
        return ", ".join([f"live orders {self.orders:+d}"] * bool(self.orders) + told) or "nothing changed"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with an answer, and the check that stands for it."""

    check: str
    problem: str


def change(before: Sums, after: Sums) -> Change:
    """What lies between two readings of the ledger."""
    return Change(
        _difference(before.stock, after.stock),
        _difference(before.lines, after.lines),
        _difference(before.moved, after.moved),
        after.orders - before.orders,
    )


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    found = {key: after.get(key, 0) - before.get(key, 0) for key in {**before, **after}}
    return {key: units for key, units in found.items() if units}


def judge_first(
    order_class: OrderClass,
    wanted: Mapping[str, int],
    stock: Mapping[str, int],
    outcome: Outcome,
    done: Change | None,
    *,
    refuse: Collection[str],
    has_movements: bool,
) -> Mistake | None:
    """Judge the answer to an order whose key is new.

    ``wanted`` and ``stock`` are units by product, ``stock`` from before the order; ``done`` is None where the ledger
    cannot be read.
    """
    if outcome is Outcome.UNKNOWN:
        return None
    short = [p for p, units in wanted.items() if stock.get(p, 0) < units]
    if outcome is not Outcome.OK:
        return _judge_no(order_class, outcome, done, short)
    if order_class in refuse:
        return Mistake("bad_order_accepted", f"an order of class {order_class!r} went through: {done}")
    if short:
        sold, left = wanted[short[0]], stock.get(short[0], 0)
        return Mistake("oversold", f"{sold} of product {short[0]} were sold, of which {left} were left")
    taken = {p: -units for p, units in wanted.items()}
    expected = Change(taken, dict(wanted), taken if has_movements else {}, 1)
    if done is not None and done != expected:
        return Mistake("partial_order", f"the order changed: {done}; its cart asks for: {expected}")
    return None


def judge_restock(product: str, units: int, outcome: Outcome, done: Change | None) -> Mistake | None:
    """Judge a restock of ``units`` of a product, when nobody else was there."""
    if outcome is Outcome.UNKNOWN or done is None:
        return None
    if outcome is not Outcome.OK:
        return None if done.is_none else Mistake("broken_operation", f"was answered {outcome.value}, yet: {done}")
    if (done.stock, done.lines, done.orders) != ({product: units}, {}, 0):
        return Mistake("conservation", f"a restock of {units} of product {product} changed: {done}")
    return None


def judge_ending(wanted: Mapping[str, int], *, is_over: bool, outcome: Outcome, done: Change | None) -> Mistake | None:
    """Judge a cancellation, or the release of what an order holds; ``is_over``: it had been ended before.

    ``wanted`` are the order's units by product. Its lines may stay in their table or go with it.
    """
    if outcome is Outcome.UNKNOWN or done is None:
        return None
    if is_over or outcome is not Outcome.OK:
        if done.is_none:
            return None
        check = "conservation" if is_over else "broken_operation"
        state = "had ended before" if is_over else "was there"
        return Mistake(check, f"the order {state}, the answer was {outcome.value}, yet it changed: {done}")
    if done.is_none:
        return Mistake("broken_operation", "was answered with a yes, but changed nothing")
    if done.stock != dict(wanted) or done.orders != -1:
        return Mistake("conservation", f"an order of {_told(wanted)} was ended, and this changed: {done}")
    return None


def _told(wanted: Mapping[str, int]) -> str:
    return ", ".join(f"{units} of product {product}" for product, units in wanted.items())


def _judge_no(order_class: OrderClass, outcome: Outcome, done: Change | None, short: list[str]) -> Mistake | None:
    if done is not None and not done.is_none:
        return Mistake("ghost_order", f"the answer was {outcome.value}, yet it left a trace: {done}")
    if order_class == "valid" and not short:
        check = "false_sold_out" if outcome is Outcome.SOLD_OUT else "turned_away"
        return Mistake(check, f"a good order with enough stock for every line was answered {outcome.value}")
    return None


def judge_again(
    first_id: str | None, outcome: Outcome, order_id: str | None, done: Change | None
) -> Mistake | None:
    """Judge the answer to an order that was confirmed before, asked for again under its key."""
    if outcome is Outcome.UNKNOWN:
        return None
    if done is not None and not done.is_none:
        return Mistake("duplicate_order", f"the same order asked for again under its key changed: {done}")
    if outcome is not Outcome.OK:
        return Mistake("duplicate_order", f"the order exists, but its buyer, asking again, is told {outcome.value}")
    if first_id is not None and order_id != first_id:
        return Mistake("duplicate_order", f"its buyer was given order {first_id}, and asking again order {order_id}")
    return None


def judge_reused(outcome: Outcome, done: Change | None, *, refuse: Collection[str]) -> Mistake | None:
    """Judge the answer to another cart under the key of a confirmed order."""
    if outcome is Outcome.UNKNOWN:
        return None
    if done is not None and not done.is_none:
        check = "duplicate_order" if outcome is Outcome.OK else "ghost_order"
        return Mistake(check, f"another cart under a used key was answered {outcome.value} and changed: {done}")
    if outcome is Outcome.OK and "reused_key" in refuse:
        return Mistake("bad_order_accepted", "another cart under a used key was answered with a yes")
    return None
