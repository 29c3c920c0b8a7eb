"""Random concurrent histories of a small shop that is mostly honest: as a stored run, and as a peer sees them.

Time is whole milliseconds, and no two events share one. An attempt is called, has its effect, and is answered; or its
answer is lost, and the effect may come later. Now and then the shop lies, forgets, or sells what it has not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.judge.histories import History

HONEST = "honest"
LIES = ("oversell", "forget", "deny", "abort", "ghost", "double", "no_deduction")
END = 1000
NEVER = 2 * END


@dataclass
class Attempt:
    """One attempt; ``made`` is the order that its transaction made."""

    number: int
    key: int
    behaviour: str
    is_lost: bool
    effect_last: bool
    called: int = 0
    returned: int | None = None
    committed: int | None = None
    made: int = 0
    outcome: str = "unknown"
    order_id: int = 0


@dataclass
class Write:
    """A transaction with row changes: an order (with its ``attempt``), or a restock."""

    at: int
    changes: dict[int, int]
    attempt: Attempt | None = None


@dataclass
class Simulated:
    """A history: what is on the shelf, what each key wants, who did what, and what is left."""

    shelf: list[int]
    carts: list[dict[int, int]]
    attempts: list[Attempt] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    stock: list[int] = field(default_factory=list)
    orders: dict[int, list[int]] = field(default_factory=dict)

    def describe(self) -> str:
        """All of it, in the order of time."""
        told = [f"stock {self.shelf}, carts {self.carts}"]
        events = [(a.called, f"{a.called}-{a.returned} key {a.key}: {a}") for a in self.attempts]
        events += [(w.at, f"{w.at} commit {w.changes}") for w in self.writes]
        return "\n".join([*told, *(text for _, text in sorted(events)), f"left: {self.stock}, orders {self.orders}"])


@st.composite
def histories(draw: st.DrawFn) -> Simulated:
    """A history of two to six attempts at up to three orders of up to two products, with restocks."""
    products = draw(st.integers(1, 2))
    shelf = draw(st.lists(st.integers(0, 3), min_size=products, max_size=products))
    cart = st.dictionaries(st.integers(0, products - 1), st.integers(1, 2), min_size=1)
    carts = draw(st.lists(cart, min_size=1, max_size=3))
    made = Simulated(shelf, carts, stock=list(shelf))
    behaviour = st.sampled_from((HONEST,) * 12 + ("deny",) * 4 + ("forget",) * 2 + LIES)
    for number in range(draw(st.integers(2, 6))):
        key = draw(st.integers(0, len(carts) - 1))
        is_lost = draw(st.sampled_from((True, False, False)))
        made.attempts.append(Attempt(number, key, draw(behaviour), is_lost, is_lost and draw(st.booleans())))
    steps: list[Callable[[int], None]] = []
    waiting = [_steps(made, attempt) for attempt in made.attempts]
    waiting += [[_restock(made, draw(st.integers(0, products - 1)))] for _ in range(draw(st.integers(0, 3)))]
    while waiting:
        turn = draw(st.integers(0, len(waiting) - 1))
        steps.append(waiting[turn].pop(0))
        if not waiting[turn]:
            waiting.pop(turn)
    for at, step in enumerate(steps, 1):
        step(at)
    return made


def _steps(made: Simulated, attempt: Attempt) -> list[Callable[[int], None]]:
    def call(at: int) -> None:
        attempt.called = at

    def effect(at: int) -> None:
        _effect(made, attempt, at)

    def answer(at: int) -> None:
        attempt.returned = at
        if attempt.is_lost:
            attempt.outcome = "unknown"

    return [call, answer, effect] if attempt.effect_last else [call, effect, answer]


def _effect(made: Simulated, attempt: Attempt, at: int) -> None:
    cart, orders = made.carts[attempt.key], made.orders.setdefault(attempt.key, [])
    outcome, order_id = "sold_out", 0
    first_id = 10 * attempt.key + 1
    enough = all(made.stock[product] >= units for product, units in cart.items())
    match attempt.behaviour:
        case "forget":
            outcome, order_id = "ok", first_id
        case "deny":
            pass
        case "abort":
            outcome = "aborted"
        case _ if orders and attempt.behaviour != "double":
            outcome, order_id = "ok", orders[0]
        case _ if enough or attempt.behaviour == "oversell":
            attempt.made, attempt.committed = first_id + len(orders), at
            orders.append(attempt.made)
            changes = {} if attempt.behaviour == "no_deduction" else {p: -units for p, units in cart.items()}
            _write(made, Write(at, changes, attempt))
            outcome, order_id = ("sold_out", 0) if attempt.behaviour == "ghost" else ("ok", attempt.made)
    if attempt.outcome == "unknown" and not attempt.is_lost:
        attempt.outcome, attempt.order_id = outcome, order_id


def _restock(made: Simulated, product: int) -> Callable[[int], None]:
    return lambda at: _write(made, Write(at, {product: 1}))


def _write(made: Simulated, write: Write) -> None:
    made.writes.append(write)
    for product, delta in write.changes.items():
        made.stock[product] += delta


def record(made: list[Simulated]) -> History:
    """All histories as one stored run: each has order keys, products and a second of its own."""
    history = History({f"h{n}p{p}": units for n, one in enumerate(made) for p, units in enumerate(one.shelf)})
    for n, one in enumerate(made):
        _record(history, n, one)
    return history


def _record(history: History, n: int, one: Simulated) -> None:
    start = n * END
    keys = {key: f"h{n}k{key}" for key in range(len(one.carts))}
    carts = {key: [(f"h{n}p{p}", units) for p, units in cart.items()] for key, cart in enumerate(one.carts)}
    for key, name in keys.items():
        history.wants(name, carts[key])
    for attempt in sorted(one.attempts, key=lambda a: a.called):
        returned = None if attempt.returned is None else start + attempt.returned
        order_id = str(100 * n + attempt.order_id) if attempt.order_id else None
        number = _number(n, attempt)
        history.tries(
            number, keys[attempt.key], start + attempt.called, returned, attempt.outcome, order_id=order_id
        )
    for write in one.writes:
        if write.attempt is None:
            commit = history.commit(start + write.at, tag="restock")
            for product, delta in write.changes.items():
                history.change_stock(commit, f"h{n}p{product}", delta)
        else:
            attempt = write.attempt
            commit = history.commit(start + write.at, _number(n, attempt))
            history.order(commit, 100 * n + attempt.made, keys[attempt.key], carts[attempt.key])
            if not write.changes:
                for name, units in carts[attempt.key]:
                    history.change_stock(commit, name, units)


def _number(n: int, attempt: Attempt) -> int:
    return 64 * (100 * n + attempt.key) + attempt.number


def as_seen_by_a_peer(one: Simulated) -> tuple[dict[str, Any], bool]:
    """The history for the peer's program, in half milliseconds; and whether its intervals are those of the judge.

    An order's interval is where its effect was possibly, and in the end surely, visible: from its commit to its answer
    or to the moment before a later writer of one of its rows committed. The judge looks at each row by itself, so where
    the rows of an order have different later writers it is the milder of the two.
    """
    operations: list[dict[str, Any]] = []
    exact = True
    for write in one.writes:
        answered = write.attempt.returned if write.attempt and write.attempt.outcome == "ok" else None
        ends = [min(2 * (answered or NEVER), _overwritten(one, write, product)) for product in write.changes]
        ends = ends or [2 * (answered or NEVER)]
        exact = exact and len(set(ends)) == 1
        interval = {"call": 2 * write.at, "return": min(ends)}
        if write.attempt is None:
            operations.append({"kind": "restock", **interval, "cart": _names(write.changes)})
        else:
            attempt = write.attempt
            operations.append({"kind": "order", **interval, **_asked(one, attempt), "made": attempt.made})
    for attempt in one.attempts:
        if not attempt.made and attempt.returned is not None:
            interval = {"call": 2 * attempt.called, "return": 2 * attempt.returned}
            operations.append({"kind": "told", **interval, **_asked(one, attempt), "order_id": attempt.order_id})
    last = 2 * NEVER
    stock = {f"p{n}": units for n, units in enumerate(one.stock)}
    orders = {f"k{key}": sum(ids) for key, ids in one.orders.items() if ids}
    operations.append({"kind": "final", "call": last + 1, "return": last + 2, "stock": stock, "orders": orders})
    return {"stock": {f"p{n}": units for n, units in enumerate(one.shelf)}, "operations": operations}, exact


def _overwritten(one: Simulated, write: Write, product: int) -> int:
    later = [w.at for w in one.writes if w.at > write.at and product in w.changes]
    return 2 * min(later) - 1 if later else 2 * NEVER


def _asked(one: Simulated, attempt: Attempt) -> dict[str, Any]:
    return {"key": f"k{attempt.key}", "cart": _names(one.carts[attempt.key]), "outcome": attempt.outcome}


def _names(units: dict[int, int]) -> dict[str, int]:
    return {f"p{product}": number for product, number in units.items()}
