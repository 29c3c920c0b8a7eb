"""Cuts at exact bytes through the real Toxiproxy, and the relay's recording and holding."""

import asyncio
import time

import pytest
from doorbuster.network.cut_line import CutLine
from doorbuster.network.errors import ToxiproxyError
from doorbuster.network.faults.reset import Reset
from doorbuster.network.relay import Hold, relay
from doorbuster.network.server import ToxiproxyServer

from tests.network.conftest import Upstream


async def _sent(host: str, port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(1000), 2)
    finally:
        writer.transport.abort()


async def _received(upstream: Upstream, count: int) -> bytes:
    """What came, once so many bytes have: the sender may be cut off before the other side has read them."""
    deadline = time.monotonic() + 5
    while len(upstream.received) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # for those that must not come
    return bytes(upstream.received)


@pytest.mark.parametrize("at_byte", [0, 1, 7])
async def test_exactly_so_many_bytes_pass_each_way(server: ToxiproxyServer, upstream: Upstream, at_byte: int) -> None:
    with server.proxy("line", upstream.address) as proxy:
        line = CutLine(server.api, proxy)
        await line.arm("down", at_byte)
        assert await _sent(proxy.host, proxy.port, b"12345678") == b"12345678"[:at_byte]
        await line.disarm()
        upstream.received.clear()
        await line.arm("up", at_byte)
        await _sent(proxy.host, proxy.port, b"12345678")
        assert await _received(upstream, at_byte) == b"12345678"[:at_byte]
        await line.disarm()
        assert await _sent(proxy.host, proxy.port, b"12345678") == b"12345678"
        line.close()


async def test_a_line_armed_for_resets_ends_in_one(server: ToxiproxyServer, upstream: Upstream) -> None:
    with server.proxy("line", upstream.address) as proxy, Reset().armed(proxy):
        line = CutLine(server.api, proxy)
        await line.arm("up", 0)
        with pytest.raises(ConnectionResetError):
            await _sent(proxy.host, proxy.port, b"12345678")
        line.close()


async def test_a_silent_cut_does_not_end(server: ToxiproxyServer, upstream: Upstream) -> None:
    with server.proxy("line", upstream.address) as proxy:
        line = CutLine(server.api, proxy)
        await line.arm("down", 0, silently=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_sent(proxy.host, proxy.port, b"12345678"), 0.3)
        await line.disarm()
        line.close()


async def test_a_refusal_is_an_error(server: ToxiproxyServer, upstream: Upstream) -> None:
    with server.proxy("line", upstream.address) as proxy:
        line = CutLine(server.api, proxy)
        proxy.delete()
        with pytest.raises(ToxiproxyError, match="404"):
            await line.arm("down", 0)
        line.close()


async def test_the_relay_records_both_ways(upstream: Upstream) -> None:
    host, port = upstream.address.split(":")
    async with relay(host, int(port)) as line:
        assert await _sent("127.0.0.1", line.port, b"12345678") == b"12345678"
        assert (bytes(line.up), bytes(line.down)) == (b"12345678", b"12345678")


async def test_the_relay_holds_the_rest_back_for_as_long_as_it_is_told(upstream: Upstream) -> None:
    host, port = upstream.address.split(":")
    async with relay(host, int(port)) as line:
        hold = Hold("down", 3, 0.2)
        line.hold(hold)
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        started = time.monotonic()
        writer.write(b"12345678")
        assert await reader.readexactly(3) == b"123"
        assert hold.held.is_set()
        assert await reader.readexactly(5) == b"45678"
        assert time.monotonic() - started >= 0.2
        writer.transport.abort()
