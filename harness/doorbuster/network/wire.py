"""The PostgreSQL wire protocol, version 3: which bytes of a recorded conversation are which message.

Source: PostgreSQL's documentation, "Frontend/Backend Protocol", chapter "Message Formats". Nothing here judges what a
message says; only where it begins and ends, what it is called, and to which exchange it belongs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down"]
BROKEN = "(no message)"

_UP = {
    b"B": "Bind", b"C": "Close", b"D": "Describe", b"E": "Execute", b"F": "FunctionCall", b"H": "Flush", b"P": "Parse",
    b"Q": "Query", b"S": "Sync", b"X": "Terminate", b"c": "CopyDone", b"d": "CopyData", b"f": "CopyFail",
    b"p": "PasswordMessage",
}  # fmt: skip
_DOWN = {
    b"1": "ParseComplete", b"2": "BindComplete", b"3": "CloseComplete", b"A": "NotificationResponse",
    b"C": "CommandComplete", b"D": "DataRow", b"E": "ErrorResponse", b"G": "CopyInResponse", b"H": "CopyOutResponse",
    b"I": "EmptyQueryResponse", b"K": "BackendKeyData", b"N": "NoticeResponse", b"R": "Authentication",
    b"S": "ParameterStatus", b"T": "RowDescription", b"V": "FunctionCallResponse", b"W": "CopyBothResponse",
    b"Z": "ReadyForQuery", b"c": "CopyDone", b"d": "CopyData", b"n": "NoData", b"s": "PortalSuspended",
    b"t": "ParameterDescription", b"v": "NegotiateProtocolVersion",
}  # fmt: skip
_AUTHENTICATION = {0: "Ok", 3: "CleartextPassword", 5: "MD5Password", 10: "SASL", 11: "SASLContinue", 12: "SASLFinal"}
_FIRST = {80877102: "CancelRequest", 80877103: "SSLRequest", 80877104: "GSSENCRequest"}
_ENDS_AN_EXCHANGE = {"up": ("Sync", "Query", "FunctionCall"), "down": ("ReadyForQuery",)}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the bytes [``first``, ``end``) of its direction's stream.

    ``exchange`` counts from 0: a client's Sync (or simple Query) ends one on the way up, the server's ReadyForQuery on
    the way down. Where the start-up was recorded, exchange 0 down is the start-up's.
    """

    direction: Direction
    name: str
    first: int
    end: int
    exchange: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.first


@dataclass(frozen=True, slots=True)
class Conversation:
    """Both directions of a recorded conversation, each a gapless row of messages from byte 0."""

    up: tuple[Message, ...]
    down: tuple[Message, ...]

    def messages(self, direction: Direction) -> tuple[Message, ...]:
        """The messages of one direction, in order."""
        return self.up if direction == "up" else self.down

    def length(self, direction: Direction) -> int:
        """The bytes of one direction."""
        found = self.messages(direction)
        return found[-1].end if found else 0

    def at(self, direction: Direction, byte: int) -> str:
        """Where a cut after ``byte`` bytes falls, in words: ``after Bind`` or ``inside DataRow``."""
        before = "the first byte"
        for message in self.messages(direction):
            if byte <= message.first:
                break
            if byte < message.end:
                return f"inside {message.name}"
            before = message.name
        return f"before {before}" if byte == 0 else f"after {before}"


def parse_conversation(up: bytes, down: bytes, *, start_up: bool) -> Conversation:
    """The messages of a conversation; ``start_up`` says that it was recorded from the connection's first byte.

    Never fails: bytes that are no whole message become one message called ``(no message)``, to the stream's end.
    """
    replies = sum(1 for _, name in _first_requests(up) if name in ("SSLRequest", "GSSENCRequest")) if start_up else 0
    return Conversation(
        tuple(_counted("up", _tiled(_up_messages(up, start_up), len(up)))),
        tuple(_counted("down", _tiled(_down_messages(down, replies), len(down)))),
    )


Span = tuple[int, str]  # a message's end, and its name


def _up_messages(data: bytes, start_up: bool) -> Iterator[Span]:
    position = 0
    if start_up:
        for position, name in _first_requests(data):
            yield position, name
        if position == 0:
            return
    answers = 0
    for end, name in _typed(data, position, lambda kind, _: _UP.get(kind)):
        if name == "PasswordMessage":  # what it is depends on what was asked; a SCRAM client sends two
            answers += 1
            name = "SASLInitialResponse" if answers == 1 and b"SCRAM-" in data[position:end] else name
            name = "SASLResponse" if answers > 1 else name
        yield end, name
        position = end


def _first_requests(data: bytes) -> Iterator[Span]:
    """The messages without a type byte that open a connection, the start-up message last."""
    position = 0
    while (end := _end(data, position)) is not None and end - position >= 8:
        code = int.from_bytes(data[position + 4 : position + 8], "big")
        yield end, _FIRST.get(code, "StartupMessage")
        if code not in _FIRST:
            return
        position = end


def _down_messages(data: bytes, single_bytes: int) -> Iterator[Span]:
    position = min(single_bytes, len(data))
    for n in range(position):
        yield n + 1, "EncryptionResponse"

    def name(kind: bytes, body: bytes) -> str | None:
        if kind == b"R":
            return f"Authentication{_AUTHENTICATION.get(int.from_bytes(body[:4], 'big'), '')}"
        return _DOWN.get(kind)

    yield from _typed(data, position, name)


def _typed(data: bytes, position: int, name: Callable[[bytes, bytes], str | None]) -> Iterator[Span]:
    """Messages of a type byte, a length that counts itself, and a body; ends at the first that is none."""
    while (end := _end(data, position + 1)) is not None:
        found = name(data[position : position + 1], data[position + 5 : end])
        if found is None:
            return
        yield end, found
        position = end


def _end(data: bytes, position: int) -> int | None:
    """Where the message whose length field stands at ``position`` ends; None where it is not whole, or no message."""
    length = int.from_bytes(data[position : position + 4], "big")
    end = position + length
    return end if position + 4 <= len(data) and length >= 4 and end <= len(data) else None


def _tiled(spans: Iterator[Span], total: int) -> Iterator[Span]:
    end = 0
    for end, name in spans:
        yield end, name
    if end < total:
        yield total, BROKEN


def _counted(direction: Direction, spans: Iterator[Span]) -> Iterator[Message]:
    first, exchange = 0, 0
    for end, name in spans:
        yield Message(direction, name, first, end, exchange)
        first = end
        exchange += name in _ENDS_AN_EXCHANGE[direction]
