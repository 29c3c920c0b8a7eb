"""Restocks, cancellations and releases: what the shop does besides placing orders, run and written down.

Each is tried once. Its number goes into the log as an attempt's does, from a range of its own, so that the judge knows
what it was meant to do: a restock's units are new, a cancellation only gives back what its order held.
"""

from contextlib import ExitStack
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from uuid import UUID

from doorbuster.config.answers import AnswerBook
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.drive.workload import ShelfItem
from doorbuster.host.clock import moment
from doorbuster.model.contract import Contract, OperationKind
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome
from doorbuster.record.journal import Journal
from doorbuster.record.tables import FIRST_OPERATION

# Several writers of one run's folder, each in a range of its own.
PART_OPERATIONS = 1_000_000_000


def operator(
    contract: Contract, kind: OperationKind, target: Target, timeout_s: float | None = None,
    before_call: str | None = None,
) -> SqlBuyer:  # fmt: skip
    """Whoever runs the operations of this kind, over a connection of his own."""
    operation = contract.operations[kind]
    book = AnswerBook(operation.answers)
    patience_s = contract.buyer.timeout_s if timeout_s is None else timeout_s
    return SqlBuyer(target, compile_flow(operation), book, patience_s, before_call)


def restock_order(item: ShelfItem, units: int, random: Random) -> Order:
    """What a restock's parameters are taken from: ``units`` more of ``item``."""
    key, customer = (str(UUID(int=random.getrandbits(128), version=4)) for _ in range(2))
    return Order(key, customer, (Line(item.product, units, item.price),), str(Decimal(item.price) * units))


class Operations:
    """The journal of a scenario's operations, and their numbers. One writer a ``part``."""

    def __init__(self, folder: Path, part: int = 0) -> None:
        self._stack = ExitStack()
        self._journal = self._stack.enter_context(Journal(folder, "operations", str(part)))
        self._numbers = count(FIRST_OPERATION + part * PART_OPERATIONS + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hand everything to the operating system; nothing can be written afterwards."""
        self._stack.close()

    def flush(self) -> None:
        """Hand what was written so far to the operating system."""
        self._journal.flush()

    async def run(
        self, worker: SqlBuyer, kind: OperationKind, order: Order, order_id: str | None = None
    ) -> AttemptEnd:
        """Run one operation: on the order ``order``, whose answer gave ``order_id``, or a restock of its first line.

        Raises:
            UnmatchedAnswer, KeyError, ValueError: as :meth:`SqlBuyer.attempt`.
        """
        number = next(self._numbers)
        invoked_us, invoked_ns = moment()
        end, returned_us, ended_ns = AttemptEnd(Outcome.UNKNOWN, code="stopped"), None, invoked_ns
        try:
            end = await worker.attempt(order, number, {} if order_id is None else {"order_id": order_id})
            returned_us, ended_ns = moment()
            return end
        finally:
            line = order.lines[0] if kind == "restock" else None
            self._journal.append([
                number, kind, None if line else order.order_key, order_id, line.product if line else None,
                line.quantity if line else None, invoked_us, returned_us, (ended_ns - invoked_ns) // 1000,
                end.outcome.value, end.code, end.message, end.backend_pid,
            ])  # fmt: skip
