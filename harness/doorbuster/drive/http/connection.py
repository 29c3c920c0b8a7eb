"""One HTTP connection that is looked after by hand: a request goes out once, and whoever loses its answer is told how.

Not a pooling client: those may send a request again on their own when a kept connection turns out to be dead. Locust's
does with PUT, browsers do even with POST. Then one attempt is two requests, and the history is not the shop's. Under
load it is Locust's all the same, kept from doing so (``drive/load/fast_http.py``).
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import h11

CHUNK_BYTES = 1 << 16
MOST_BYTES = 1 << 22


class LostAnswer(Exception):
    """The connection broke, or could not be made; ``code`` says how, as an attempt's end does."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A request; ``headers`` without those that are the connection's own: Host, Content-Length, Connection."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, all of it."""

    status: int
    body: bytes


class Line(Protocol):
    """What a buyer sends his requests over, each of them once."""

    @property
    def is_open(self) -> bool:
        """Whether the next request can go out over what there is. A server that let go of an idle connection counts."""

    async def open(self) -> None:
        """Connect; nothing happens where it is connected. Raises LostAnswer where there is no connection."""

    async def exchange(self, request: Request) -> Response:
        """Send ``request`` once and wait for the whole answer. Raises LostAnswer where none came."""

    def close(self) -> None:
        """Drop the connection at once."""


class MakeLine(Protocol):
    """Makes a line to ``host``:``port``."""

    def __call__(self, host: str, port: int, *, keep_alive: bool, connect_timeout_s: float | None = None) -> Line:
        """The line, not connected yet."""


@contextmanager
def connecting(timeout_s: float | None) -> Iterator[None]:
    """Tells what goes wrong while a line connects as the LostAnswer that it is."""
    try:
        yield
    except TimeoutError:
        raise LostAnswer("connect_timeout", f"no connection in {timeout_s} s") from None
    except ConnectionRefusedError as problem:
        raise LostAnswer("connect_refused", str(problem)) from None
    except OSError as problem:
        raise LostAnswer("connect_lost", f"{type(problem).__name__}: {problem}") from None


class HttpConnection:
    """A connection to ``host``:``port``, made when it is needed."""

    def __init__(self, host: str, port: int, *, keep_alive: bool, connect_timeout_s: float | None = None) -> None:
        self._host, self._port = host, port
        self._keep_alive = keep_alive
        self._connect_timeout_s = connect_timeout_s
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._protocol = h11.Connection(h11.CLIENT)

    @property
    def is_open(self) -> bool:
        """Whether the next request can go out over what there is. A server that let go of an idle connection counts."""
        reader, writer = self._reader, self._writer
        return reader is not None and writer is not None and not (reader.at_eof() or writer.is_closing())

    async def open(self) -> None:
        """Connect; nothing happens where it is connected.

        Raises:
            LostAnswer: no connection, ``connect_refused``, ``connect_timeout`` or ``connect_lost``.
        """
        if self.is_open:
            return
        self.close()
        with connecting(self._connect_timeout_s):
            async with asyncio.timeout(self._connect_timeout_s):
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def exchange(self, request: Request) -> Response:
        """Send ``request`` once and wait for the whole answer.

        Raises:
            LostAnswer: none came, ``eof`` or ``reset`` after the request may have gone out; or one that is no HTTP.
        """
        await self.open()
        try:
            return await self._exchange(request)
        except ConnectionResetError as problem:
            raise LostAnswer("reset", str(problem)) from None
        except (OSError, EOFError) as problem:
            raise LostAnswer("eof", str(problem)) from None
        except h11.RemoteProtocolError as problem:
            raise LostAnswer("eof" if self._at_eof() else "no_http", str(problem)) from None

    async def _exchange(self, request: Request) -> Response:
        # Held here: who closes the connection meanwhile, as a dying buyer does, takes them away.
        reader, writer, protocol = self._reader, self._writer, self._protocol
        assert reader is not None
        assert writer is not None
        headers = [
            ("Host", f"{self._host}:{self._port}"),
            *request.headers,
            ("Content-Length", str(len(request.body))),
            *([] if self._keep_alive else [("Connection", "close")]),
        ]
        head = h11.Request(method=request.method, target=request.target, headers=headers)
        events: list[h11.Event] = [head, h11.Data(data=request.body), h11.EndOfMessage()]
        # One write: what a cut lets through is then a part of the request, and not of the client's own timing.
        writer.write(b"".join(protocol.send(event) or b"" for event in events))
        response = await _read(reader, protocol)
        if protocol.our_state is protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
        elif protocol is self._protocol:
            self.close()
        return response

    def _at_eof(self) -> bool:
        return self._reader is None or self._reader.at_eof()

    def close(self) -> None:
        """Drop the connection at once."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
        self._protocol = h11.Connection(h11.CLIENT)


async def _read(reader: asyncio.StreamReader, protocol: h11.Connection) -> Response:
    """The whole answer. Raises EOFError, h11.RemoteProtocolError or LostAnswer where there is none."""
    status, body = 0, bytearray()
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await reader.read(CHUNK_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                raise LostAnswer("no_http", f"an answer of more than {MOST_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Response(status, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("the connection ended without an answer")
