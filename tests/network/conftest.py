"""The real Toxiproxy, and a small TCP server behind it."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from doorbuster.host.cache import cache_folder
from doorbuster.network.adapter import Proxy
from doorbuster.network.binary import ToxiproxyBinary, find_toxiproxy
from doorbuster.network.server import ToxiproxyServer

FLOOD = b"flood"
FLOOD_CHUNKS = 512  # 32 MB, more than the kernel's and Toxiproxy's buffers hold together


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Upstream)
        try:
            while data := self.request.recv(65536):
                server.received += data
                for chunk in [b"x" * 65536] * FLOOD_CHUNKS if data == FLOOD else [data]:
                    self.request.sendall(chunk)
                    server.sent_chunks += 1
        except OSError:
            pass  # the proxy closed the connection, as it does in most tests


class Upstream(socketserver.ThreadingTCPServer):
    """Echoes, and keeps what it got in ``received``; on ``flood`` it sends more than fits anywhere."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.received = bytearray()
        self.sent_chunks = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="session")
def binary() -> ToxiproxyBinary:
    return find_toxiproxy(None, cache_folder())


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
def stuck_reader(connect: Callable[[], socket.socket], upstream: Upstream) -> socket.socket:
    """A client that asked for more than fits anywhere and does not read."""
    connection = connect()
    connection.sendall(FLOOD)
    sent = -1
    while sent < upstream.sent_chunks:  # until all buffers on the way are full
        sent = upstream.sent_chunks
        time.sleep(0.5)
    assert 1 < sent < FLOOD_CHUNKS
    return connection
