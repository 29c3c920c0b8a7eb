"""The one statement that all of a load's orders are, asked over a line lent from asyncpg.

Under load asyncpg, the loop's transport and a task's turns are half of what a buyer costs, and what goes out waits
until everything that came in has been dealt with. Here a statement goes out at once, and who goes on to the next order
does so where the answer is read. asyncpg still connects, prepares and closes, and has the line back for whatever else
is asked over it. What is said of an answer, or of its loss, is what asyncpg says: its own exceptions, in its own words.

Source of the messages: PostgreSQL's documentation, "Frontend/Backend Protocol", chapter "Message Formats".
"""

import asyncio
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import asyncpg

from doorbuster.drive.lent_line import LentConnection, LentLine
from doorbuster.drive.texts import Texts
from doorbuster.model.order import Order

_CLOSED = "connection was closed in the middle of operation"  # asyncpg's words
_SIZE = Struct("!i")
_HEAD = Struct("!cI")
_HEAD_BYTES = _HEAD.size
# Whatever the portal returns, then the end of the exchange.
_EXECUTE_AND_SYNC = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"
# What nearly every answer is: BindComplete, a DataRow with the text of its one column, CommandComplete, ReadyForQuery.
_BEFORE, _SIZE_AT, _TEXT_AT = b"2\0\0\0\x04D", 12, 16
_AFTER = b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"
_AFTER_BYTES = len(_AFTER)
_UTF8 = ("utf8", "utf-8")
# The texts in an answer's rows.
Told = list[str | None]
Reply = asyncio.Future[Told]
# What is to be asked next, when the answer is there; None: nothing for now.
GoOn = Callable[[Told], tuple[Order, int] | None]


class Unsent(Exception):
    """What was to be asked next, an order and its attempt, had better go through asyncpg, which has the line back."""


class CannotGoOn(RuntimeError):
    """Whoever was to say what is asked next failed; the server and the line to it had no part in that."""


class FastLane:
    """Asks the prepared statement ``name``, with ``parameters`` of them, whose answers have one column of JSON."""

    def __init__(self, connection: LentConnection, name: str, parameters: int, texts: Texts) -> None:
        self._connection = connection
        self._line = LentLine(connection, self._hear, self._lose)
        self._loop = asyncio.get_running_loop()
        self._texts = texts
        # All values are text, and so is the answer's.
        self._bind = b"\0%s\0\0\0%s" % (name.encode(), parameters.to_bytes(2, "big"))
        self._unread = b""
        self._reply: Reply | None = None
        self._go_on: GoOn | None = None
        self._told: Told = []
        self._error: dict[str, str] | None = None

    def ask(self, order: Order, attempt: int, go_on: GoOn | None = None) -> Reply | None:
        """Send the statement for an attempt at ``order``, at once. The reply raises what asyncpg's ``fetch`` would.

        ``go_on`` is told an answer that came without trouble, before anybody else, and what it wants asked next is sent
        at once: the reply is then that to the last of them, or raises ``Unsent``, or ``CannotGoOn`` if it raised.

        None, and nothing sent, where a value had better go through asyncpg, which has the line back then.
        """
        values = self._texts.of(order, attempt)
        if values is None or not self._has_line():
            self.give_back()
            return None
        reply = self._reply = self._loop.create_future()
        self._go_on = go_on
        self._told, self._error = [], None
        self._line.write(self._message(values))
        return reply

    def give_back(self) -> None:
        """Let asyncpg have the line again; nothing may be under way."""
        if self._unread:  # half of what the server says on its own: nobody would understand the rest
            self._lose(None)
        else:
            self._line.give_back()

    def close(self) -> None:
        """Nothing waits for an answer any more."""
        self._line.drop()
        self._end(None)

    def _has_line(self) -> bool:
        if not self._line.is_taken:
            try:
                self._line.take()
            except OSError:  # too many files are open: it goes without
                return False
        return True

    def _message(self, values: Sequence[bytes]) -> bytes:
        pack = _SIZE.pack
        pieces = [self._bind]
        for value in values:
            pieces.append(pack(len(value)))
            pieces.append(value)
        pieces.append(b"\0\0")
        bind = b"".join(pieces)
        return b"".join((b"B", pack(len(bind) + 4), bind, _EXECUTE_AND_SYNC))

    def _hear(self, data: bytes) -> None:
        reply = self._reply
        if reply is not None and not self._unread and data.startswith(_BEFORE) and data.endswith(_AFTER):
            text = data[_TEXT_AT:-_AFTER_BYTES]
            if (len(text),) == _SIZE.unpack_from(data, _SIZE_AT) and not reply.done():
                self._arrived(reply, [text.decode()])
                return
        self._understand(self._unread + data if self._unread else data)

    def _arrived(self, reply: Reply, told: Told) -> None:
        try:
            following = None if self._go_on is None else self._go_on(told)
        except Exception as problem:
            self._reply = None
            reply.set_exception(CannotGoOn(f"{type(problem).__name__}: {problem}"))
            return
        if following is None:
            self._reply = None
            reply.set_result(told)
        elif (values := self._texts.of(*following)) is not None:
            self._line.write(self._message(values))
        else:
            self._reply = None
            self.give_back()
            reply.set_exception(Unsent(*following))

    def _understand(self, data: bytes) -> None:
        position, is_answered = 0, False
        while position + _HEAD_BYTES <= len(data):
            kind, size = _HEAD.unpack_from(data, position)
            after = position + 1 + size
            if after > len(data):
                break
            if kind == b"D":
                self._told.append(_only_value(data, position + _HEAD_BYTES))
            elif kind == b"E":
                self._error = _fields(data[position + _HEAD_BYTES : after])
            elif kind == b"Z":
                is_answered = True
            position = after
        self._unread = data[position:]
        if is_answered:
            self._answer()

    def _answer(self) -> None:
        reply, error, told = self._reply, self._error, self._told
        if reply is None or reply.done():
            return
        self._error, self._told = None, []
        if error is None:
            self._arrived(reply, told)
        else:
            self._reply = None
            reply.set_exception(asyncpg.PostgresError.new(error))

    def _lose(self, problem: OSError | None) -> None:
        """The line has ended, with ``problem`` or in good order."""
        self._line.drop()
        self._end(problem)
        self._connection.terminate()

    def _end(self, cause: BaseException | None) -> None:
        reply, self._reply = self._reply, None
        if reply is None or reply.done():
            return
        message = _CLOSED
        if self._error is not None:  # said just before it hung up
            told = asyncpg.PostgresError.new(self._error)
            told.__cause__, cause, message = cause, told, f"{_CLOSED}: {told.args[0]}"
        lost = asyncpg.ConnectionDoesNotExistError(message)
        lost.__cause__ = cause
        reply.set_exception(lost)


def lane_for(connection: LentConnection, name: str, names: Sequence[str], statement: Any) -> FastLane | None:
    """A lane for asyncpg's prepared ``statement``, which is called ``name`` and has parameters of these ``names``.

    None where its answer is anything but one column of JSON, or its parameters cannot be sent as text.
    """
    types = statement.get_parameters()
    answer = [column.type for column in statement.get_attributes()]
    is_plain = all(kind.schema == "pg_catalog" for kind in (*types, *answer))
    if not is_plain or [kind.name for kind in answer] not in (["json"], ["jsonb"]):
        return None
    if connection.get_settings().client_encoding.lower() not in _UTF8:
        return None
    texts = Texts.where_exact(names, [kind.name for kind in types])
    return None if texts is None else FastLane(connection, name, len(names), texts)


def _only_value(data: bytes, at: int) -> str | None:
    """The value of a DataRow of one column, whose body begins ``at``."""
    (size,) = _SIZE.unpack_from(data, at + 2)
    return None if size < 0 else data[at + 6 : at + 6 + size].decode()


def _fields(body: bytes) -> dict[str, str]:
    """What an ErrorResponse says, by the letters of its fields."""
    return {field[:1].decode(): field[1:].decode() for field in body.split(b"\0") if field}
