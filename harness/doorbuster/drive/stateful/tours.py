"""Every input class alone, each after one plain order: the shortest sequences, so that none hangs on a seed's luck."""

from collections.abc import Awaitable, Callable

from doorbuster.drive.stateful.sitting import LARGEST_INT, Counterpart, Finding, Sitting
from doorbuster.model.order import OrderClass

Step = Callable[[Sitting], Awaitable[Finding | None]]


def _plain(sitting: Sitting) -> Awaitable[Finding | None]:
    return sitting.cart([(0, 1)])


def _bad(kind: OrderClass) -> list[Step]:
    return [lambda s, p=place: s.bad(kind, 0, p) for place in (0, 1, 2)]  # type: ignore[misc]


TOURS: dict[str, list[Step]] = {
    "plain": [],
    "two lines": [lambda s: s.cart([(0, 1), (1, 2)])],
    "two lines, the other way round": [lambda s: s.cart([(1, 2), (0, 1)])],
    "three units": [lambda s: s.cart([(0, 3)])],
    "all that is left": [lambda s: s.left(1, 0), lambda s: s.left(1, 1)],
    "one too many": [lambda s: s.left(1, 1)],
    "the second line is short": [lambda s: s.cart([(0, 1), (1, 9)])],
    "one line is short, and both together are not": [
        lambda s: s.cart([(0, 1), (1, 4)]), lambda s: s.cart([(1, 4), (0, 1)]),
    ],
    "the first line is short": [lambda s: s.cart([(1, 9), (0, 1)])],
    "none there": [lambda s: s.cart([(2, 1)])],
    "a product twice": [lambda s: s.twice(0, (1, 2))],
    "a product twice, too many together": [lambda s: s.twice(1, (2, 2))],
    "huge": [lambda s: s.huge(0, (LARGEST_INT,))],
    "huge together": [lambda s: s.huge(0, (2**30, 2**30))],
    "overflowing together": [lambda s: s.huge(0, (LARGEST_INT, LARGEST_INT, 5))],
    "unknown product": _bad("unknown_product"),
    "zero": _bad("zero"),
    "negative": _bad("negative"),
    "empty": [lambda s: s.bad("empty", 0, 0)],
    "no quantity": [lambda s: s.bad("malformed", 0, 0, "quantity")],
    "no product": [lambda s: s.bad("malformed", 0, 0, "product")],
    "quantity in words": [lambda s: s.bad("malformed", 0, 0, "words"), lambda s: s.bad("malformed", 0, 1, "words")],
    "no total": [lambda s: s.bad("malformed", 0, 0, "total")],
    "wrong total": [lambda s: s.wrong_total(0, -100), lambda s: s.wrong_total(0, 1)],
    "again": [lambda s: s.again(0), lambda s: s.again(0)],
    "again, when none is left": [lambda s: s.left(1, 0), lambda s: s.again(1)],
    "two lines again": [lambda s: s.cart([(0, 1), (1, 2)]), lambda s: s.again(1)],
    "again after others": [_plain, lambda s: s.cart([(1, 1)]), lambda s: s.again(0), lambda s: s.again(1)],
    "a restock": [lambda s: s.restock(0, 3), lambda s: s.restock(2, 2), lambda s: s.left(2, 0)],
    "cancelled": [lambda s: s.end_order("cancel", 0), lambda s: s.left(0, 0)],
    "cancelled twice": [
        lambda s: s.cart([(0, 2)]), lambda s: s.end_order("cancel", 0), lambda s: s.end_order("cancel", 0),
    ],
    "two lines cancelled": [lambda s: s.cart([(0, 1), (1, 2)]), lambda s: s.end_order("cancel", 1)],
    "released": [lambda s: s.end_order("release", 0), lambda s: s.left(0, 0)],
    "released twice": [
        lambda s: s.cart([(0, 2)]), lambda s: s.end_order("release", 0), lambda s: s.end_order("release", 0),
    ],
    "cancelled, then released": [lambda s: s.end_order("cancel", 0), lambda s: s.end_order("release", 0)],
    "key used by a stranger": [lambda s: s.reuse(0, 0, 1, by_a_stranger=True)],
    "key used again": [lambda s: s.reuse(0, 0, 2), lambda s: s.reuse(0, 1, 1)],
}


async def take_tours(counterpart: Counterpart) -> list[Finding]:
    """Take every tour; what was found, at most one a tour."""
    found = []
    for steps in TOURS.values():
        sitting = Sitting(counterpart)
        await sitting.open([6, 3, 0])
        for step in (_plain, *steps):
            finding = await step(sitting)
            if finding is not None:
                found.append(finding)
                break
    return found
