"""Restocks, cancellations and releases mixed into a load, by the shares that the workload says."""

import asyncio
from random import Random

from doorbuster.drive.load.plan import Plan
from doorbuster.drive.operations import Operations, operator, restock_order
from doorbuster.drive.sql_buyer import SqlBuyer
from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import OperationKind
from doorbuster.model.order import Order

# How many of the endings come twice at once, as from an impatient customer.
TWICE = 0.25


class Mixer:
    """Does what a shop does besides placing orders. Every buyer has workers of his own, connected when first needed."""

    def __init__(self, plan: Plan, journal: Operations) -> None:
        self._plan, self._journal = plan, journal
        # What is mixed in must not disturb which orders a seed gives.
        self._random = Random(plan.seed ^ 0x0FF)
        self._workers: dict[tuple[OperationKind, int, int], SqlBuyer] = {}

    async def after(self, buyer: int, order: Order, order_id: str | None) -> None:
        """What follows an order that went through."""
        shares, chance = self._plan.workload.operations, self._random.random()
        if "restock" in shares and self._random.random() < shares["restock"]:
            line = order.lines[0]
            more = restock_order(ShelfItem(line.product, line.price, 0), 1, self._random)
            await self._journal.run(self._worker("restock", buyer, 0), "restock", more)
        cancel = shares.get("cancel", 0.0)
        if chance < cancel:
            await self._end("cancel", buyer, order, order_id)
        elif chance < cancel + shares.get("release", 0.0):
            await self._end("release", buyer, order, order_id)

    async def _end(self, kind: OperationKind, buyer: int, order: Order, order_id: str | None) -> None:
        times = 2 if self._random.random() < TWICE else 1
        await asyncio.gather(
            *(self._journal.run(self._worker(kind, buyer, n), kind, order, order_id) for n in range(times))
        )

    def _worker(self, kind: OperationKind, buyer: int, hand: int) -> SqlBuyer:
        key = (kind, buyer, hand)
        if key not in self._workers:
            # What a shop behind HTTP does besides placing orders is a statement all the same, and goes to its database.
            is_http = self._plan.contract.place.http is not None
            target = self._plan.backstage if is_http else self._plan.target
            self._workers[key] = operator(self._plan.contract, kind, target)
        return self._workers[key]

    def flush(self) -> None:
        """Hand what was written so far to the operating system."""
        self._journal.flush()

    def close(self) -> None:
        """Drop the connections."""
        for worker in self._workers.values():
            worker.close()
