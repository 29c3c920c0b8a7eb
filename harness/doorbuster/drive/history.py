"""Writing down what buyers wanted and what they were told, for kinds of driving that place one order at a time."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.host.clock import moment, now_us
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.record.journal import Journal

# The load's numbering, from a base that keeps an attempt's number as long as the next, and with it the conversation.
TRIES = 64
FIRST_ORDER = 20_000


@dataclass(frozen=True, slots=True)
class Met:
    """An order that met a fault, and what its buyer saw; ``retry`` is the last answer, None where the first was one."""

    order_key: str
    first: AttemptEnd
    retry: AttemptEnd | None


class Places(Protocol):
    """Whoever tries once to place an order."""

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd: ...


class History:
    """The journals of one scenario's folder. Attempts are numbered by order and try. One writer."""

    def __init__(self, folder: Path, part: str = "0") -> None:
        self._stack = ExitStack()
        tables = ("attempts", "requests", "request_lines", "fault_windows")
        self._attempts, self._requests, self._lines, self._windows = (
            self._stack.enter_context(Journal(folder, table, part)) for table in tables
        )
        self._orders = FIRST_ORDER

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hand everything to the operating system; nothing can be written afterwards."""
        self._stack.close()

    def request(self, order: Order, phase: str) -> int:
        """Write down that ``order`` is wanted; its number."""
        self._orders += 1
        self._requests.append(
            [order.order_key, order.customer, order.total, order.order_class, phase, None, now_us()]
        )
        for number, line in enumerate(order.lines):
            self._lines.append([order.order_key, number, line.product, line.quantity, line.price])
        return self._orders

    async def attempt(
        self, buyer: Places, order: Order, number: int, try_no: int, phase: str, buyer_no: int = 0
    ) -> AttemptEnd:
        """Try once, and write down what came of it, also where the harness breaks it off."""
        attempt = number * TRIES + try_no
        invoked_us, invoked_ns = moment()
        end, returned_us, ended_ns = AttemptEnd(Outcome.UNKNOWN, code="stopped"), None, None
        try:
            end = await buyer.attempt(order, attempt)
            returned_us, ended_ns = moment()
            return end
        finally:
            self._attempts.append([
                attempt, order.order_key, try_no, buyer_no, phase, None, invoked_us, returned_us,
                ((ended_ns or time.monotonic_ns()) - invoked_ns) // 1000, end.outcome.value, end.order_id, end.code,
                end.message, end.backend_pid,
            ])  # fmt: skip

    def window(self, name: str, kind: str, applied_us: int, healed_us: int) -> None:
        """Write down that a fault was on between two instants of the wall clock."""
        self._windows.append([name, kind, applied_us, healed_us])


def answered(end: AttemptEnd | None) -> str:
    """An attempt's end in a word or two, such as ``unknown (eof)``."""
    if end is None or end.outcome is Outcome.OK:
        return "" if end is None else end.outcome.value
    return f"{end.outcome.value} ({end.code})"
