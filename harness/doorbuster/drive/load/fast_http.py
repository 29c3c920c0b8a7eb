"""Locust's fast HTTP client as the line of a buyer: requests go out in greenlets, asked for from the asyncio loop.

The client behind ``FastHttpUser`` is a ``FastHttpSession``. As it comes it may send a request again by itself: a PUT or
a DELETE whose kept connection has died (``geventhttpclient.client.HTTPClient.request``), and any request that is
redirected. Here it has neither leave; so one attempt is one request, as over ``drive/http/connection.py``, whose
tests it passes as well. Only what runs inside Locust imports this: importing locust patches the standard library.
"""

import asyncio
import errno
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import gevent
import gevent.monkey
from gevent.hub import get_hub
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPParseError
from geventhttpclient.url import URL
from geventhttpclient.useragent import ConnectionError as UserAgentError
from locust.contrib.fasthttp import FastHttpSession, LocustUserAgent
from locust.event import EventHook

from doorbuster.drive.http.connection import MOST_BYTES, LostAnswer, Request, Response, connecting

T = TypeVar("T")
# A patched one would bring a hub of its own into the loop's thread.
_select: Callable[..., Any] = gevent.monkey.get_original("select", "select")
_ANY_STATUS = frozenset(range(100, 1000))
_ENDS = ("connection closed", "incomplete response")  # what the client says of an answer that broke off
_FOREVER_S = 86_400.0  # buyers have a patience of their own


class Errands:
    """Work for greenlets of the thread that makes this, asked for by coroutines of another thread."""

    def __init__(self) -> None:
        self._asked: deque[Callable[[], None]] = deque()
        self._wake = get_hub().loop.async_()
        self._wake.start(self._start)

    def post(self, work: Callable[[], None]) -> None:
        """Have ``work`` done, which must not block; after all that was asked for before has begun."""
        self._asked.append(work)
        self._wake.send()

    def _start(self) -> None:
        while self._asked:
            self._asked.popleft()()


class _OnePool(ConnectionPool):
    """At most one connection, known while it is idle; and no request is sent twice."""

    idle: Any = None

    def __init__(self, host: str, port: int, connect_timeout_s: float | None) -> None:
        patience_s = _FOREVER_S if connect_timeout_s is None else connect_timeout_s
        super().__init__(
            host, port, host, port, size=1, connection_timeout=patience_s, network_timeout=_FOREVER_S
        )
        # How often the client may begin anew is the pool's size and one more: none.
        self.size = -1

    def get_socket(self) -> Any:
        self.idle = None
        return super().get_socket()

    def return_socket(self, sock: Any) -> None:
        self.idle = sock
        super().return_socket(sock)


class _OneClient(HTTPClientPool):
    """What Locust's session asks for a client: the same one, with a pool of ours, for the one address there is."""

    def __init__(self, host: str, port: int, connect_timeout_s: float | None) -> None:
        super().__init__()
        self.pool = _OnePool(host, port, connect_timeout_s)
        self._client = HTTPClient(host, port)
        self._client._connection_pool = self.pool

    def get_client(self, url: str | URL) -> HTTPClient:
        """The client."""
        return self._client

    def close(self) -> None:
        """Close what is idle."""
        self.pool.close()


class _Agent(LocustUserAgent):
    """Locust's, to whom a status is an answer like any other."""

    valid_response_codes = _ANY_STATUS


class _Session:
    """A FastHttpSession with a connection of its own, and the greenlet that is at work for it.

    It is made, and asked whether it ``is_idle``, in the loop's thread; everything else is done in Locust's.
    """

    def __init__(self, host: str, port: int, connect_timeout_s: float | None) -> None:
        self._address = host, port, connect_timeout_s
        self._base = f"http://{host}:{port}"
        self._pool: _OnePool | None = None
        self._problem: BaseException | None = None
        self.greenlet: gevent.Greenlet | None = None

    @property
    def is_idle(self) -> bool:
        """Whether a connection waits for the next request; one that the server let go of does not."""
        sock = None if self._pool is None else self._pool.idle
        try:
            return sock is not None and not _select([sock.fileno()], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def connect(self) -> None:
        """Make the connection, and leave it idle."""
        client = _OneClient(*self._address)
        self._pool = client.pool
        told = EventHook()  # type: ignore[no-untyped-call]
        told.add_listener(self._hear)  # type: ignore[no-untyped-call]
        self._http = FastHttpSession(self._base, told, None)
        # No cookies: a buyer's next order is another customer's.
        self._http.client = _Agent(client_pool=client, max_retries=0, max_redirects=0)
        client.pool.return_socket(client.pool.get_socket())

    def _hear(self, exception: BaseException | None, **_: Any) -> None:
        self._problem = exception

    def exchange(self, request: Request, *, keep_alive: bool) -> Response:
        """Send the request, once."""
        headers = {"Accept-Encoding": "identity", **dict(request.headers)}
        if not keep_alive:
            headers["Connection"] = "close"
        response = self._http.request(
            request.method, self._base + request.target, data=request.body, headers=headers  # type: ignore[arg-type]
        )
        # An answer that broke off in the middle still has the part that came.
        if self._problem is not None:
            raise getattr(self._problem, "original", None) or self._problem
        body = response.content or b""
        if len(body) > MOST_BYTES:
            raise LostAnswer("no_http", f"an answer of more than {MOST_BYTES} bytes")
        if not keep_alive and self._pool is not None:
            self._pool.close()
        return Response(response.status_code, bytes(body))

    def end(self) -> None:
        """Drop everything."""
        if self.greenlet is not None:
            self.greenlet.kill(block=False)
        if self._pool is not None:
            self._pool.close()


class FastHttpLine:
    """A line as buyers use it, from the loop's thread, over Locust's fast HTTP client."""

    def __init__(
        self, errands: Errands, host: str, port: int, *, keep_alive: bool, connect_timeout_s: float | None = None
    ) -> None:
        self._errands = errands
        self._host, self._port, self._keep_alive = host, port, keep_alive
        self._connect_timeout_s = connect_timeout_s
        self._session: _Session | None = None
        self._pending: asyncio.Future[Any] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the next request can go out over what there is."""
        return self._session is not None and self._session.is_idle

    async def open(self) -> None:
        """Connect; nothing happens where it is connected.

        Raises:
            LostAnswer: no connection, ``connect_refused``, ``connect_timeout`` or ``connect_lost``.
        """
        if self.is_open:
            return
        self.close()
        with connecting(self._connect_timeout_s):
            await self._in_greenlet(_Session.connect)

    async def exchange(self, request: Request) -> Response:
        """Send ``request`` once and wait for the whole answer.

        Raises:
            LostAnswer: none came, ``eof`` or ``reset`` after the request may have gone out; or one that is no HTTP.
        """
        await self.open()
        try:
            return await self._in_greenlet(lambda session: session.exchange(request, keep_alive=self._keep_alive))
        except (HTTPParseError, OSError, UserAgentError, ValueError, zlib.error) as problem:
            raise LostAnswer(_code(problem), str(problem)) from None

    async def _in_greenlet(self, work: Callable[[_Session], T]) -> T:
        loop = asyncio.get_running_loop()
        self._pending = pending = loop.create_future()
        if (session := self._session) is None:
            session = self._session = _Session(self._host, self._port, self._connect_timeout_s)

        def run() -> None:
            try:
                result, problem = work(session), None
            except BaseException as met:  # a killed greenlet's, too: who asked is waiting
                result, problem = None, met
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, pending, result, problem)

        def start() -> None:
            if not pending.done():
                session.greenlet = gevent.spawn(run)

        self._errands.post(start)
        try:
            return await pending  # type: ignore[no-any-return]
        finally:
            self._pending = None

    def close(self) -> None:
        """Drop the connection at once; who waits for an answer is told so."""
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(LostAnswer("eof", "the connection was closed here"))
        if (session := self._session) is not None:
            self._session = None
            self._errands.post(session.end)


def _settle(pending: "asyncio.Future[Any]", result: Any, problem: BaseException | None) -> None:
    if pending.done():
        return
    if problem is None:
        pending.set_result(result)
    elif isinstance(problem, gevent.GreenletExit):
        pending.set_exception(LostAnswer("eof", "the connection was closed here"))
    else:
        pending.set_exception(problem)


def _code(problem: BaseException) -> str:
    """How the answer was lost: a reset comes as a closed connection, with the error that it was behind it."""
    causes = (problem, problem.__context__)
    if any(isinstance(cause, OSError) and cause.errno in (errno.ECONNRESET, errno.EPIPE) for cause in causes):
        return "reset"
    told = str(problem).lower()
    is_end = isinstance(problem, OSError) or any(end in told for end in _ENDS)
    return "eof" if is_end else "no_http"
