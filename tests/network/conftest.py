"""The real Toxiproxy, and a small TCP server behind it."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from doorbuster.network.adapter import Proxy
from doorbuster.network.binary import ToxiproxyBinary, find_toxiproxy
from doorbuster.network.server import ToxiproxyServer

FLOOD = b"flood"
FLOOD_BYTES = 32 * 2**20  # more than the kernel's and Toxiproxy's buffers hold together


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Upstream)
        try:
            while data := self.request.recv(65536):
                server.received += data
                self.request.sendall(b"x" * FLOOD_BYTES if data == FLOOD else data)
        except OSError:
            server.errors.append("reset")


class Upstream(socketserver.ThreadingTCPServer):
    """Echoes, and keeps what it got in ``received``; on ``flood`` it sends more than fits anywhere."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.received = bytearray()
        self.errors: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="session")
def binary() -> ToxiproxyBinary:
    return find_toxiproxy(None, Path.home() / ".cache" / "doorbuster")


@pytest.fixture
def server(binary: ToxiproxyBinary) -> Iterator[ToxiproxyServer]:
    with ToxiproxyServer(binary, timeout_s=2) as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def proxy(server: ToxiproxyServer, upstream: Upstream) -> Iterator[Proxy]:
    with server.proxy("echo", upstream.address) as made:
        yield made


@pytest.fixture
def connect(proxy: Proxy) -> Iterator[Callable[[], socket.socket]]:
    """Opens connections through the proxy that work: each has had one answer."""
    with ExitStack() as open_connections:

        def opened() -> socket.socket:
            connection = open_connections.enter_context(socket.create_connection((proxy.host, proxy.port), timeout=5))
            connection.sendall(b"hello")
            assert connection.recv(5) == b"hello"
            return connection

        yield opened


@pytest.fixture
def stuck_reader(connect: Callable[[], socket.socket]) -> socket.socket:
    """A client that asked for more than fits anywhere and does not read."""
    connection = connect()
    connection.sendall(FLOOD)
    time.sleep(0.5)  # until all buffers are full
    return connection
