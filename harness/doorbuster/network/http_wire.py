"""HTTP/1.1: which bytes of a recorded conversation are the head and which the body of which message.

Only for what one client sends over one connection, one request after the other; a body has a Content-Length or none.
"""

import re
from collections.abc import Iterator

from doorbuster.network.wire import BROKEN, Conversation, Direction, Message

_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d+)")
_END = b"\r\n\r\n"


def parse_http(up: bytes, down: bytes) -> Conversation:
    """The messages of a conversation; each exchange is a request and its answer.

    Never fails: bytes that are no whole message become one message called ``(no message)``, to the stream's end.
    """
    return Conversation(tuple(_messages("up", up)), tuple(_messages("down", down)))


def _messages(direction: Direction, data: bytes) -> Iterator[Message]:
    first, exchange = 0, 0
    while first < len(data):
        end = data.find(_END, first)
        if end < 0:
            yield Message(direction, BROKEN, first, len(data), exchange)
            return
        head, first = first, end + len(_END)
        yield Message(direction, _name(data[head:first]), head, first, exchange)
        found = _LENGTH.search(data[head:first])
        size = min(int(found[1]) if found else 0, len(data) - first)
        if size:
            yield Message(direction, "body", first, first + size, exchange)
        first += size
        exchange += 1


def _name(head: bytes) -> str:
    """``POST /api/checkout``, or ``200 OK``."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return " ".join(words[1:] if words[0].startswith("HTTP/") else words[:2])
