"""Operations among orders: the same order cancelled twice at once, a cancellation or a restock while others buy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from doorbuster.drive.operations import restock_order
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer
from doorbuster.drive.stateful.crowds import PHASE, Crowds
from doorbuster.drive.stateful.sitting import Counterpart
from doorbuster.model.contract import OperationKind
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome

BYSTANDER = 3
Ending = Literal["cancel", "release"]


@dataclass(frozen=True, slots=True)
class Mingle:
    """``sold`` units are ordered first, ``left`` stay; then operations and ``orders`` of so many units, all at once."""

    sold: int
    left: int
    operations: tuple[OperationKind, ...]
    orders: tuple[int, ...] = ()


def mingles(kinds: Sequence[OperationKind]) -> list[Callable[[Random], Mingle]]:
    """What can be tried of a shop that has these operations."""
    endings: list[Ending] = [kind for kind in ("cancel", "release") if kind in kinds]
    found: list[Callable[[Random], Mingle]] = []
    for kind in endings:
        found += [
            lambda random, k=kind: Mingle(random.randint(1, 3), random.randint(0, 2), (k, k)),  # type: ignore[misc]
            lambda random, k=kind: Mingle(2, random.randint(0, 1), (k,), (1, 2)),  # type: ignore[misc]
        ]
    if len(endings) == len(("cancel", "release")):
        found.append(lambda random: Mingle(random.randint(1, 3), 1, ("cancel", "release"), (1,)))
    if "restock" in kinds:
        found.append(lambda random: Mingle(0, random.randint(0, 2), ("restock",), (1, 2)))
        found.append(lambda random: Mingle(0, 2, ("restock", "restock"), (1,)))
        found += [lambda random, k=kind: Mingle(1, 1, ("restock", k), (1,)) for kind in endings]  # type: ignore[misc]
    return found


class Mingler:
    """Sends operations and orders into the shop together. ``hands`` has two workers of each kind of operation."""

    def __init__(
        self, counterpart: Counterpart, crowds: Crowds, hands: dict[OperationKind, tuple[SqlBuyer, ...]]
    ) -> None:
        self._with, self._crowds, self._hands = counterpart, crowds, hands

    async def send(self, mingle: Mingle, random: Random) -> None:
        """Do one, and wait until everybody has an answer."""
        (item,) = items = await self._with.new_items(((BYSTANDER if mingle.sold else 0) + mingle.sold + mingle.left,))
        sold, order_id = None, None
        if mingle.sold:
            # Units of somebody else's, too: a counter that is kept from falling below nothing hides a second release.
            for units in (BYSTANDER, mingle.sold):
                sold = self._with.new_order([Line(item.product, units, item.price)])
                self._with.history.request(sold, PHASE)
                end = await self._crowds.place(0, sold, random)
                if end.outcome is not Outcome.OK:
                    return  # the checks have their say
                order_id = end.order_id
        starters: list[Callable[[], object]] = []
        for number, kind in enumerate(mingle.operations):
            units = random.randint(1, 3)
            order = sold if kind != "restock" else restock_order(item, units, random)
            assert order is not None
            worker = self._hands[kind][number % len(self._hands[kind])]
            starters.append(lambda k=kind, o=order, w=worker: self._operate(w, k, o, order_id))  # type: ignore[misc]
        for number, units in enumerate(mingle.orders, 1):
            order = self._with.new_order([Line(item.product, units, item.price)])
            self._with.history.request(order, PHASE)
            starters.append(lambda n=number, o=order: self._crowds.place(n, o, random))  # type: ignore[misc]
        await self._crowds.release(starters, items, random)  # type: ignore[arg-type]

    async def _operate(self, worker: SqlBuyer, kind: OperationKind, order: Order, order_id: str | None) -> AttemptEnd:
        return await self._with.operations.run(worker, kind, order, None if kind == "restock" else order_id)
