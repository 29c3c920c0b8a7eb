import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import pytest
from doorbuster.network.adapter import Proxy
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.faults import FAULTS, applied, make_fault
from doorbuster.network.faults.ack_lost import AckLost
from doorbuster.network.faults.blackhole import Blackhole
from doorbuster.network.faults.never_sent import NeverSent
from doorbuster.network.faults.refused import Refused
from doorbuster.network.faults.reset import Reset
from doorbuster.network.faults.slow import Slow
from doorbuster.network.probe import exchange_on
from doorbuster.network.server import ToxiproxyServer
from doorbuster.network.toxics import Latency

from tests.network.conftest import Upstream

Connect = Callable[[], socket.socket]


class Stop(Exception):
    pass


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_shows_in_a_probe_and_no_longer_once_healed(proxy: Proxy, kind: str) -> None:
    fault = make_fault(kind, {})
    assert fault.probe(proxy).marks == 0
    with applied(fault, proxy):
        assert fault.probe(proxy).marks == 1
    assert fault.probe(proxy).marks == 0


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_heals_after_an_exception(proxy: Proxy, connect: Connect, kind: str) -> None:
    with suppress(Stop), applied(make_fault(kind, {}), proxy):
        raise Stop
    assert (proxy.toxics(), proxy.is_enabled()) == ({}, True)
    connect()


def test_slow_adds_its_latency_in_each_direction(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    with applied(Slow(latency_ms=100), proxy):
        seen = exchange_on(connection)
    assert seen.ending == "answered"
    assert seen.duration_us >= 200_000


def test_ack_lost_lets_the_request_through_and_no_byte_back(proxy: Proxy, upstream: Upstream, connect: Connect) -> None:
    connection = connect()
    with applied(AckLost(), proxy):
        assert exchange_on(connection, b"order").ending == "eof"
    assert upstream.received == b"helloorder"


def test_ack_lost_cuts_later_in_each_pulse(proxy: Proxy, connect: Connect) -> None:
    fault = AckLost(step_bytes=2)
    assert [fault.pulse(n).after_bytes for n in range(3)] == [0, 2, 4]
    connection = connect()
    with applied(fault.pulse(1), proxy):
        connection.sendall(b"order")
        received = b"".join(iter(lambda: connection.recv(100), b""))
    assert len(received) == 2


def test_never_sent_lets_no_byte_through(proxy: Proxy, upstream: Upstream, connect: Connect) -> None:
    connection = connect()
    with applied(NeverSent(), proxy):
        assert exchange_on(connection, b"order").ending == "eof"
    assert upstream.received == b"hello"


@pytest.mark.parametrize(("fault", "arrives"), [(Blackhole(), b""), (Blackhole(upstream=False), b"order")])
def test_a_black_hole_swallows_data_and_healing_closes_the_connection(
    proxy: Proxy, upstream: Upstream, connect: Connect, fault: Blackhole, arrives: bytes
) -> None:
    connection = connect()
    connection.settimeout(0.3)
    with applied(fault, proxy):
        assert exchange_on(connection, b"order").ending == "timeout"
    assert connection.recv(1) == b""
    assert upstream.received == b"hello" + arrives


def test_refused_closes_connections_and_refuses_new_ones(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    with applied(Refused(), proxy):
        assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((proxy.host, proxy.port))
    connect()


def test_a_connection_opened_after_reset_was_applied_gets_a_real_reset(proxy: Proxy) -> None:
    with applied(Reset(), proxy), socket.create_connection((proxy.host, proxy.port)) as connection:
        connection.sendall(b"order")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_connection_older_than_reset_sees_an_orderly_close(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    with applied(Reset(), proxy):
        assert exchange_on(connection).ending == "eof"


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        (Reset(), b"order"),
        (Reset(upstream=True, downstream=False, timeout_ms=20), b""),
        (Reset(step_bytes=40).pulse(0), b"order"),
    ],
)
def test_a_connection_opened_while_armed_gets_a_real_reset(
    proxy: Proxy, upstream: Upstream, connect: Connect, fault: Reset, arrives: bytes
) -> None:
    with fault.armed(proxy):
        connection = connect()
        with applied(fault, proxy):
            assert exchange_on(connection, b"order").ending == "reset"
    assert upstream.received == b"hello" + arrives


def test_a_reset_after_bytes_comes_after_just_so_many(proxy: Proxy, connect: Connect) -> None:
    fault = Reset(step_bytes=1).pulse(2)
    with fault.armed(proxy):
        connection = connect()
        with applied(fault, proxy):
            connection.sendall(b"order")
            assert connection.recv(100) == b"or"
            with pytest.raises(ConnectionResetError):
                connection.recv(100)


def test_two_resets_may_be_armed_at_once_and_nothing_is_left(proxy: Proxy) -> None:
    with Reset().armed(proxy), Reset(timeout_ms=5).armed(proxy):
        assert len(proxy.toxics()) == 1
    assert proxy.toxics() == {}


def test_healing_one_fault_leaves_another_in_place(proxy: Proxy) -> None:
    with applied(Slow(latency_ms=50), proxy):
        with applied(AckLost(), proxy):
            assert AckLost().probe(proxy).marks == 1
        assert Slow(latency_ms=50).probe(proxy).marks == 1


def test_a_fault_that_was_half_applied_is_healed(proxy: Proxy, connect: Connect) -> None:
    proxy.add(Latency(latency_ms=1, name="slow_downstream"))  # so that the second toxic of the fault is refused
    with pytest.raises(ToxiproxyError, match="already exists"), applied(Slow(), proxy):
        pass
    assert "slow_upstream" not in proxy.toxics()


@dataclass(frozen=True)
class Unhealable(Slow):
    """Its healing asks for what Toxiproxy refuses, as a stand-in for any refusal."""

    kind: ClassVar[str] = "unhealable"

    def heal(self, proxy: Proxy) -> None:
        proxy.change(Latency(latency_ms=0, name="no_such_toxic"))


def test_where_healing_is_refused_the_proxy_is_rebuilt(proxy: Proxy, connect: Connect) -> None:
    port = proxy.port
    with applied(Unhealable(), proxy):
        assert len(proxy.toxics()) == 2
    assert (proxy.port, proxy.toxics()) == (port, {})
    connect()


def test_a_fault_on_a_client_that_does_not_read_fails_and_heals(
    proxy: Proxy, connect: Connect, stuck_reader: socket.socket
) -> None:
    with pytest.raises(ToxiproxyError, match="no answer"), applied(AckLost(), proxy):
        pass
    assert proxy.toxics() == {}
    connect()


def test_a_fault_over_a_killed_toxiproxy_ends_in_gone(server: ToxiproxyServer, proxy: Proxy) -> None:
    with pytest.raises(ToxiproxyGone), applied(Slow(), proxy):
        server.kill()


def test_every_fault_can_be_applied_again_and_again(proxy: Proxy) -> None:
    for fault in [make_fault(kind, {}) for kind in FAULTS] * 3:
        with applied(fault, proxy):
            time.sleep(0.01)
    assert (proxy.toxics(), proxy.is_enabled()) == ({}, True)
