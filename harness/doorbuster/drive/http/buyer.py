"""A buyer who places orders over HTTP: the sibling of the one over SQL."""

from typing import Any

from doorbuster.config.answers import Answer, AnswerBook
from doorbuster.drive.http.connection import HttpConnection, Line, LostAnswer, MakeLine
from doorbuster.drive.http.flow import HttpCall, answer_of, columns, order_values
from doorbuster.drive.patience import in_time
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome


class HttpBuyer:
    """Places orders over one connection, which he makes anew after every trouble. His transactions are the shop's."""

    def __init__(
        self, target: Target, calls: tuple[HttpCall, ...], book: AnswerBook, timeout_s: float,
        *, keep_alive: bool = True, connect_timeout_s: float | None = None, line: MakeLine = HttpConnection,
    ) -> None:  # fmt: skip
        self._calls = calls
        self._book = book
        self._timeout_s = timeout_s
        self._keep_alive, self._connect_timeout_s = keep_alive, connect_timeout_s
        self._target = target
        self._line = line
        self._connection = self._connection_to(target)
        self._is_dead = False
        self._has_asked = False

    @property
    def backend_pid(self) -> int | None:
        """None: which of the server's processes works for him is the shop's business."""
        return None

    @property
    def is_dead(self) -> bool:
        """Whether he died; whoever goes on in his place is another client."""
        return self._is_dead

    async def connect(self) -> None:
        """Open the connection, where it is to be kept.

        Raises:
            OSError: no connection.
        """
        if not self._keep_alive:
            return
        try:
            await self._connection.open()
        except LostAnswer as lost:
            raise OSError(f"the shop at {self._target.host}:{self._target.port}: {lost}") from None

    def reconnect_at(self, target: Target) -> None:
        """Open every later connection at ``target``; the present one stays."""
        self._target = target

    def die(self) -> None:
        """End as a killed process does."""
        self._is_dead = True
        self.close()

    def close(self) -> None:
        """Drop the connection at once; nothing waits for an answer any more."""
        self._connection.close()
        self._connection = self._connection_to(self._target)

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd:
        """Try once to place ``order``. Never raises for what the shop or the network does.

        Raises:
            UnmatchedAnswer: an answer that the contract does not know.
            KeyError: a parameter without a value.
        """
        self._has_asked = False
        end = await in_time(self._place(order, attempt), self._timeout_s, self.close)
        return end or AttemptEnd(Outcome.UNKNOWN, code="timeout" if self._has_asked else "connect_timeout")

    async def _place(self, order: Order, attempt: int) -> AttemptEnd:
        values, answer = order_values(order, attempt), Answer()
        try:
            for call in self._calls:
                answer = await self._call(call, order, values)
                if answer.is_error or self._book.stops(answer):
                    break
        except LostAnswer as lost:
            self.close()
            return AttemptEnd(Outcome.UNKNOWN, code=lost.code, message=str(lost))
        outcome = self._book.stops(answer) or self._book.classify(answer)
        order_id = self._book.order_id(answer) if outcome is Outcome.OK else None
        return AttemptEnd(outcome, order_id, str(answer.status), answer.message or None)

    async def _call(self, call: HttpCall, order: Order, values: dict[str, Any]) -> Answer:
        request = call.request(order, values)
        if not self._connection.is_open:
            self.close()  # where it is opened anew, it may be elsewhere by now
        await self._connection.open()
        self._has_asked = True
        answer = answer_of(call.step, await self._connection.exchange(request))
        values.update(columns(answer))
        return answer

    def _connection_to(self, target: Target) -> Line:
        return self._line(
            target.host, target.port, keep_alive=self._keep_alive, connect_timeout_s=self._connect_timeout_s
        )
