"""The client's history of a small workload: who asked for what, and what came back."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from doorbuster.drive.buyer import Buyer
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.host.clock import moment, now_us
from doorbuster.model.order import Order
from doorbuster.record.journal import Journal


class History:
    """Writes the journals of ``folder`` and numbers the attempts. For one event loop."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        tables = ("attempts", "requests", "request_lines")
        self._attempts, self._requests, self._lines = (
            self._stack.enter_context(Journal(folder, table)) for table in tables
        )
        self._number = 0
        self._tries: Counter[str] = Counter()
        self.orders = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def request(self, order: Order, phase: str) -> None:
        """Write down what is wanted, before it is asked for."""
        self.orders += 1
        started_us = now_us()
        self._requests.append(
            [order.order_key, order.customer, order.total, order.order_class, phase, None, started_us]
        )
        for number, line in enumerate(order.lines):
            product = None if order.blank == "product" else line.product
            quantity = None if order.blank in ("quantity", "words") else line.quantity
            self._lines.append([order.order_key, number, product, quantity, line.price])

    def next_try(self, order: Order) -> int:
        """The number, from 1 up, of the next try of this order, whoever makes it."""
        self._tries[order.order_key] += 1
        return self._tries[order.order_key]

    async def attempt(
        self, buyer: Buyer, order: Order, *, try_no: int, number: int, phase: str, recorded_as: str | None = None
    ) -> AttemptEnd:
        """Try once to place ``order`` through ``buyer``, whose number is ``number``.

        ``recorded_as``: the order key of the history, where it is not the one that is sent.

        Raises:
            UnmatchedAnswer, KeyError, ValueError: as Buyer.attempt.
        """
        self._number += 1
        attempt = self._number
        invoked_us, invoked_ns = moment()
        end = await buyer.attempt(order, attempt)
        returned_us, returned_ns = moment()
        duration_us = (returned_ns - invoked_ns) // 1000
        self._attempts.append([
            attempt, recorded_as or order.order_key, try_no, number, phase, None, invoked_us, returned_us, duration_us,
            end.outcome.value, end.order_id, end.code, end.message, end.backend_pid,
        ])  # fmt: skip
        return end
