"""One exchange over TCP, to see what a network does to it."""

import socket
import time
from dataclasses import dataclass
from typing import Literal

# PostgreSQL's SSLRequest: any PostgreSQL answers it with one byte, before and without authentication.
SSL_REQUEST = bytes.fromhex("0000000804d2162f")

Ending = Literal["answered", "timeout", "eof", "reset", "connect_refused", "connect_timeout"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one exchange ended. ``duration_us`` counts from the request's sending (connecting, if that failed)."""

    ending: Ending
    duration_us: int


def exchange(host: str, port: int, request: bytes = SSL_REQUEST, timeout_s: float = 5.0) -> Exchange:
    """Connects, sends ``request`` and waits for the first byte of an answer, each for at most ``timeout_s``."""
    start = time.monotonic_ns()
    try:
        connection = socket.create_connection((host, port), timeout=timeout_s)
    except TimeoutError:
        return _ended("connect_timeout", start)
    except ConnectionRefusedError:
        return _ended("connect_refused", start)
    with connection:
        return exchange_on(connection, request)


def exchange_on(connection: socket.socket, request: bytes = SSL_REQUEST) -> Exchange:
    """The same on a connection that exists, with its own timeout."""
    start = time.monotonic_ns()
    try:
        connection.sendall(request)
        answer = connection.recv(1)
    except TimeoutError:
        return _ended("timeout", start)
    except (ConnectionResetError, BrokenPipeError):
        return _ended("reset", start)
    return _ended("answered" if answer else "eof", start)


def _ended(ending: Ending, start_ns: int) -> Exchange:
    return Exchange(ending, (time.monotonic_ns() - start_ns) // 1000)
