"""The journals of a load's orders: what was wanted, by whom, and how each attempt at it ended."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.drive.workload import Due
from doorbuster.record.journal import Journal


class Records:
    """Writes them into ``folder``; ``part`` tells writers of several processes apart. One writer each."""

    def __init__(self, folder: Path, part: str = "0") -> None:
        self._stack = ExitStack()
        tables = ("requests", "request_lines", "attempts", "connects")
        self._journals = [self._stack.enter_context(Journal(folder, table, part)) for table in tables]
        self._requests, self._lines, self._attempts, self._connects = self._journals

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def request(self, due: Due, due_us: int | None, started_us: int | None) -> None:
        """What a buyer wants; without ``started_us`` nobody ever began to ask for it."""
        write_request(self._requests, self._lines, due, due_us, started_us)

    def attempt(
        self, attempt: int, due: Due, due_us: int | None, try_no: int, buyer: int, invoked_us: int,
        returned_us: int | None, duration_us: int, end: AttemptEnd,
    ) -> None:  # fmt: skip
        """How an attempt ended that began and returned at these instants of the wall clock."""
        outcome, order_id, code, message, pid, connect_us = end
        key = due.order.order_key
        if connect_us:
            self._connects.append([attempt, key, connect_us])
        if code is None and message is None:  # as nearly all
            when = f"{'' if due_us is None else due_us},{invoked_us},{'' if returned_us is None else returned_us}"
            told = f"{outcome},{'' if order_id is None else order_id},,,{'' if pid is None else pid}"
            if self._attempts.put(f"{attempt},{key},{try_no},{buyer},{due.phase},{when},{duration_us},{told}"):
                return
        self._attempts.append([
            attempt, key, try_no, buyer, due.phase, due_us, invoked_us, returned_us, duration_us, outcome.value,
            order_id, code, message, pid,
        ])  # fmt: skip

    def flush(self) -> None:
        """Hand everything to the operating system, which keeps it even if this process is killed."""
        for journal in self._journals:
            journal.flush()


def write_request(
    requests: Journal, lines: Journal, due: Due, due_us: int | None, started_us: int | None
) -> None:
    """Write down what a buyer wants; without ``started_us`` nobody ever began to ask for it."""
    order, phase, _ = due
    key = order.order_key
    when = f"{'' if due_us is None else due_us},{'' if started_us is None else started_us}"
    if not requests.put(f"{key},{order.customer},{order.total},{order.order_class},{phase},{when}"):
        requests.append([key, order.customer, order.total, order.order_class, phase, due_us, started_us])
    for number, (product, quantity, price) in enumerate(order.lines):
        if not lines.put(f"{key},{number},{product},{quantity},{price}"):
            lines.append([key, number, product, quantity, price])

