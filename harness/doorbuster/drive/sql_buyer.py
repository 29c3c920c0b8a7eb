"""A buyer with a connection of its own, who places orders through it and knows what became of each attempt."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from doorbuster.config.answers import Answer, AnswerBook, UnmatchedAnswer
from doorbuster.drive.fast_lane import FastLane, Told
from doorbuster.drive.flow import Call, Flow, Values, answer_value, json_answer
from doorbuster.drive.lent_line import LentConnection
from doorbuster.drive.patience import Patience
from doorbuster.drive.prepared import Prepared, prepared
from doorbuster.drive.tagging import TAG_PARAMETER, TAG_SETTING
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.postgres.connect import TROUBLE
from doorbuster.postgres.errors import NoConnection

APPLICATION = "doorbuster buyer"
_OF_THE_ORDER = re.compile(r":(customer|order_key|attempt)\b")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a buyer connects.

    ``settings`` go to the server when the session starts; those that name ``:customer``, ``:order_key`` or ``:attempt``
    before every attempt.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    settings: Mapping[str, str] = field(default_factory=dict)


class AttemptEnd(NamedTuple):
    """How an attempt ended. For ``unknown``, ``code`` says how the answer was lost: ``timeout``, ``eof``, ``reset``,
    ``connect_refused``, ``connect_timeout`` or ``connect_lost``; else it is the SQLSTATE, if there was one.
    ``connect_us`` is how long the attempt had to wait for a connection; 0 where it had one.
    """

    outcome: Outcome
    order_id: str | None = None
    code: str | None = None
    message: str | None = None
    backend_pid: int | None = None
    connect_us: int = 0


# Told how an attempt ended, says which order to try next, and the number of that attempt.
Ended = Callable[[AttemptEnd], tuple[Order, int] | None]


class _Lost(Exception):
    """The connection broke or could not be made; ``args`` are the code and the message."""


class SqlBuyer:
    """Places orders over one connection, which it makes anew after every trouble.

    A dedicated connection rather than a pool: a pool's reset erases what a function leaked, and its acquire can hang
    behind a black hole longer than any query's timeout.
    """

    def __init__(
        self, target: Target, flow: Flow, book: AnswerBook, timeout_s: float, before_call: str | None = None, *,
        fast: bool = False,
    ) -> None:  # fmt: skip
        """``before_call`` is a statement that goes before each call, over the same connection.

        ``fast``: where an order is one statement and its answer JSON, it goes over a :class:`FastLane`.
        """
        self._is_fast = fast
        self._before_call = before_call
        self._flow = flow
        self._book = book
        self._connection: asyncpg.Connection | None = None
        self._prepared: dict[str, Prepared] = {}
        self._setters: dict[int, asyncpg.prepared_stmt.PreparedStatement] = {}  # by how many settings they make
        self._is_dead = False
        self._has_later_calls = len(flow.calls) + len(flow.compensate) > 1
        self._patience = Patience(timeout_s, self._drop)
        self._when_dropped: tuple[bool, int | None] = (True, None)
        self._connect_us = 0
        self._server_pid: int | None = None
        self._sets_tag = flow.needs_tag_triggers
        self._tell: Callable[[], None] | None = None
        self.reconnect_at(target)

    async def connect(self) -> None:
        """Open the connection and prepare every call, so that the first order pays for neither.

        Raises:
            asyncpg.PostgresError: a statement that the server does not take.
            NoConnection: the server is not there, or refuses.
        """
        try:
            await self._open()
        except _Lost as lost:
            (code, message), target = lost.args, self._target
            raise NoConnection(f"no connection to {target.host}:{target.port}: {message} ({code})") from None
        for call in self._flow.calls:
            await self._prepare(call)
        if told := len(self._of_the_order) + self._sets_tag:
            await self._prepare_setter(told)
        # Preparing alone leaves a transaction open, and above READ COMMITTED the first order would see the database as
        # it was then: a product put on the shelf since would be unknown.
        await self.execute("select")

    @property
    def backend_pid(self) -> int | None:
        """The server's process behind the present connection."""
        return self._pid()

    @property
    def is_dead(self) -> bool:
        """Whether it died; whoever goes on in its place is another client."""
        return self._is_dead

    def reconnect_at(self, target: Target) -> None:
        """Open every later connection at ``target``; the present one stays."""
        self._target = target
        self._of_the_order = {name: text for name, text in target.settings.items() if _OF_THE_ORDER.search(text)}
        has_more = (
            self._has_later_calls or self._sets_tag or self._of_the_order or self._before_call is not None
            or self._tell is not None
        )  # fmt: skip
        # The statement that is all there is to an order, in most contracts.
        self._only_call = None if has_more else self._flow.calls[0]

    def tell_before_calls(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called just before an order's first call goes out, its session knowing all it has to know."""
        self._tell, self._only_call = tell, None

    def die(self) -> None:
        """End as a killed process does: the connection is gone, and nobody puts anything right by hand."""
        self._is_dead = True
        self.close()

    def close(self) -> None:
        """Drop the connection at once; nothing waits for an answer any more."""
        for lane in self._lanes():
            lane.close()
        connection, self._connection, self._prepared, self._setters = self._connection, None, {}, {}
        if connection is not None:
            connection.terminate()

    async def attempt(self, order: Order, attempt: int, known: Mapping[str, Any] | None = None) -> AttemptEnd:
        """Try once to place ``order``. Never raises for what the database or the network does.

        ``known`` has further parameters, such as the ``order_id`` of an order that is to be cancelled.

        Raises:
            UnmatchedAnswer: an answer that the contract does not know.
            KeyError, ValueError: a parameter without a value, or with one of the wrong type.
        """
        return await self._attempt(order, attempt, known, None)

    async def attempt_on(self, order: Order, attempt: int, ended: Ended) -> AttemptEnd:
        """As :meth:`attempt`, one after the other for as long as ``ended`` says what is next; the end of the last one.

        Where orders go over the fast lane: the next is on its way before anything else happens in the loop. ``ended``
        is asked of plain answers only, and does nothing where it says None.
        """
        return await self._attempt(order, attempt, None, ended)

    async def _attempt(
        self, order: Order, attempt: int, known: Mapping[str, Any] | None, ended: Ended | None
    ) -> AttemptEnd:
        self._connect_us = 0
        with self._patience:
            if self._only_call is not None and not known and not self._is_closed():
                return await self._ask(self._only_call, order, attempt, ended)
            return await self._place(order, attempt, known)
        connecting, pid = self._when_dropped
        code = "connect_timeout" if connecting else "timeout"
        return AttemptEnd(Outcome.UNKNOWN, code=code, backend_pid=pid, connect_us=self._connect_us)

    def _drop(self) -> None:
        self._when_dropped = self._connection is None, self._pid()
        self.close()

    async def _ask(self, call: Call, order: Order, attempt: int, ended: Ended | None) -> AttemptEnd:
        """As :meth:`_place`, where ``call`` is all there is to it: a load does so thousands of times a second."""
        pid = self._server_pid
        try:
            try:
                found = self._prepared.get(call.step) or await self._prepare(call)
                go_on = None if ended is None else partial(self._next, call, found, ended)
                value = await found.fetch(order, attempt, go_on)
            except TROUBLE as problem:
                return self._told(self._refusal(call, problem), pid)
        except _Lost as lost:
            return self._lost(lost, pid)
        return self._told(Answer(call.step, value), pid)

    def _next(self, call: Call, found: Prepared, ended: Ended, told: Told) -> tuple[Order, int] | None:
        """What to ask after this answer; None where the answer has to be dealt with at leisure."""
        answer = Answer(call.step, json_answer(told, found.result_names[0]))
        try:
            end = self._end(answer, self._server_pid)
        except UnmatchedAnswer:
            return None
        following = None if end.outcome is Outcome.UNKNOWN else ended(end)
        self._patience.begin_again()
        return following

    async def _place(self, order: Order, attempt: int, known: Mapping[str, Any] | None) -> AttemptEnd:
        values, pid = Values(order, attempt, known), None
        try:
            if self._is_closed():
                await self._open()
            pid = self._server_pid
            self._leave_the_lane()
            if self._sets_tag or self._of_the_order:
                await self._set_of_the_order(values)
            if self._tell is not None:
                self._tell()
            answer = await self._run_flow(values)
        except _Lost as lost:
            self.close()
            await self._compensate(values)
            return self._lost(lost, pid)
        if answer.is_error:
            await self._compensate(values)
        return self._told(answer, pid)

    def _lost(self, lost: _Lost, pid: int | None) -> AttemptEnd:
        """Nobody knows: the end of an attempt without an answer."""
        self.close()
        return AttemptEnd(Outcome.UNKNOWN, None, lost.args[0], lost.args[1], pid, self._connect_us)

    def _told(self, answer: Answer, pid: int | None) -> AttemptEnd:
        """The end of an attempt whose last answer is ``answer``."""
        end = self._end(answer, pid)
        if end.outcome is Outcome.UNKNOWN:
            self.close()
        return end

    def _end(self, answer: Answer, pid: int | None) -> AttemptEnd:
        outcome = self._book.stops(answer) or self._book.classify(answer)
        order_id = self._book.order_id(answer) if outcome is Outcome.OK else None
        return AttemptEnd(outcome, order_id, answer.sqlstate, answer.message or None, pid, self._connect_us)

    async def _run_flow(self, values: Values) -> Answer:
        """Run the calls until one fails or ends the flow; later ones see the columns of earlier ones."""
        answer = Answer()
        for call in self._flow.calls:
            if self._before_call is not None:
                await self.execute(self._before_call)
            answer = await self._call(call, values)
            if answer.is_error or self._book.stops(answer):
                break
        return answer

    async def execute(self, sql: str) -> None:
        """Run a statement that is no part of an order over the buyer's connection; nothing where there is none."""
        if self._connection is not None:
            self._leave_the_lane()
            await self._connection.execute(sql)

    def _leave_the_lane(self) -> None:
        for lane in self._lanes():
            lane.give_back()

    def _lanes(self) -> list[FastLane]:
        return [found.lane for found in self._prepared.values() if found.lane is not None]

    async def _set_of_the_order(self, values: Values) -> None:
        """Set what the session is to say of this very order, for the whole session: a pool would do the same."""
        settings = {
            name: _OF_THE_ORDER.sub(lambda found: str(values[found[1]]), text)
            for name, text in self._of_the_order.items()
        }
        if self._sets_tag:
            settings[TAG_SETTING] = values[TAG_PARAMETER]
        try:
            setter = self._setters.get(len(settings)) or await self._prepare_setter(len(settings))
            await setter.fetch(*(word for pair in settings.items() for word in pair))
        except TROUBLE as problem:
            raise _Lost(_how_lost(problem), str(problem)) from None

    async def _call(self, call: Call, values: Values) -> Answer:
        try:
            found = self._prepared.get(call.step) or await self._prepare(call)
            rows = await found.statement.fetch(*found.arguments.of(values))
        except TROUBLE as problem:
            return self._refusal(call, problem)
        value, columns = answer_value(rows, found.result_types)
        if self._has_later_calls:
            values.learnt.update(columns)
        return Answer(call.step, value)

    def _refusal(self, call: Call, problem: BaseException) -> Answer:
        """What the server said with an error of its own.

        Raises:
            _Lost: it was none: also a SQLSTATE of class 08 is one that the client made up.
        """
        if not isinstance(problem, asyncpg.PostgresError) or isinstance(problem, asyncpg.PostgresConnectionError):
            raise _Lost(_how_lost(problem), str(problem)) from None
        message = str(problem)
        if problem.sqlstate == "25P02" or self._is_closed():
            self.close()
        return Answer(call.step, sqlstate=problem.sqlstate, message=message)

    async def _compensate(self, values: Values) -> None:
        """What the application does by hand after a failure; it can fail too, and nobody notices."""
        for call in self._flow.compensate:
            if self._is_dead or any(name not in values for name in call.statement.names):
                return
            try:
                await self._open()
                answer = await self._call(call, values)
            except _Lost:
                self.close()
                return
            if answer.is_error:
                return

    async def _open(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            return
        self.close()
        target, since_ns = self._target, time.monotonic_ns()
        try:
            self._connection = await asyncpg.connect(
                host=target.host, port=target.port, user=target.user, password=target.password,
                database=target.database, ssl=False, timeout=60, statement_cache_size=0,
                connection_class=LentConnection if self._is_fast else asyncpg.Connection,
                server_settings={"application_name": APPLICATION, **_of_the_session(target.settings)},
            )  # fmt: skip
        except ConnectionRefusedError as problem:
            raise _Lost("connect_refused", str(problem)) from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as problem:
            raise _Lost("connect_lost", f"{type(problem).__name__}: {problem}") from None
        finally:
            self._connect_us += (time.monotonic_ns() - since_ns) // 1000
        self._server_pid = self._connection.get_server_pid()

    async def _prepare(self, call: Call) -> Prepared:
        found = self._prepared.get(call.step)
        if found is None:
            assert self._connection is not None
            # Without a name it would be parsed and planned for every order anew.
            name = f"doorbuster_{len(self._prepared) + 1}"
            statement = await self._connection.prepare(call.statement.sql, name=name)
            lent = self._connection if self._is_fast and call is self._only_call else None
            found = prepared(statement, name, call.statement.names, lent)
            self._prepared[call.step] = found
        return found

    async def _prepare_setter(self, settings: int) -> asyncpg.prepared_stmt.PreparedStatement:
        """The statement that makes so many settings; prepared each time, it would take a round trip more."""
        assert self._connection is not None
        calls = ", ".join(f"set_config(${2 * n + 1}, ${2 * n + 2}, false)" for n in range(settings))
        setter = await self._connection.prepare(f"select {calls}", name=f"doorbuster_settings_{settings}")
        self._setters[settings] = setter
        return setter

    def _is_closed(self) -> bool:
        return self._connection is None or self._connection.is_closed()

    def _pid(self) -> int | None:
        return None if self._connection is None else self._server_pid


def _of_the_session(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in settings.items() if not _OF_THE_ORDER.search(text)}


def _how_lost(problem: BaseException) -> str:
    """``reset`` where the peer sent a reset, else ``eof``; asyncpg hides the difference in the exception's cause."""
    seen: BaseException | None = problem
    while seen is not None:
        if isinstance(seen, ConnectionResetError):
            return "reset"
        seen = seen.__cause__ or seen.__context__
    return "eof"
