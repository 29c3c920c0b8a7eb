import socket
from collections.abc import Callable

import pytest
from doorbuster.network.adapter import Proxy
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.server import ToxiproxyServer
from doorbuster.network.toxics import (
    TOXICS,
    Bandwidth,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)

Connect = Callable[[], socket.socket]

ALL = [
    Latency(latency_ms=1, jitter_ms=2, stream="upstream"),
    LimitData(limit_bytes=8),
    ResetPeer(timeout_ms=3),
    Timeout(timeout_ms=0),
    SlowClose(delay_ms=4),
    Bandwidth(rate_kb_s=5),
    Slicer(average_size_bytes=6, size_variation_bytes=5, delay_us=7),
]


@pytest.mark.parametrize("toxic", ALL, ids=lambda toxic: toxic.type)
def test_every_toxic_is_what_toxiproxy_says_it_has(proxy: Proxy, toxic: Toxic) -> None:
    proxy.add(toxic)
    assert proxy.toxics() == {toxic.name: toxic}


def test_every_toxic_type_is_tried_above() -> None:
    assert {toxic.type for toxic in ALL} == set(TOXICS)


def test_a_toxicity_with_many_digits_is_accepted(proxy: Proxy) -> None:
    proxy.add(LimitData(limit_bytes=1, toxicity=1 / 3))
    assert proxy.toxics()["limit_data_downstream"].toxicity == pytest.approx(1 / 3)


def test_a_toxic_is_changed_in_place(proxy: Proxy) -> None:
    proxy.add(Latency(latency_ms=1))
    proxy.change(Latency(latency_ms=2, jitter_ms=1, toxicity=0.5))
    assert proxy.toxics() == {"latency_downstream": Latency(latency_ms=2, jitter_ms=1, toxicity=0.5)}


def test_a_toxic_can_be_removed_twice(proxy: Proxy) -> None:
    proxy.add(Latency(latency_ms=1))
    proxy.remove("latency_downstream")
    proxy.remove("latency_downstream")
    assert proxy.toxics() == {}


def test_a_second_toxic_of_the_same_name_is_a_clear_error(proxy: Proxy) -> None:
    proxy.add(Latency(latency_ms=1))
    with pytest.raises(ToxiproxyError, match="already exists") as caught:
        proxy.add(Latency(latency_ms=1))
    assert caught.value.status == 409


def test_changing_a_toxic_that_is_not_there_is_a_clear_error(proxy: Proxy) -> None:
    with pytest.raises(ToxiproxyError, match="toxic not found") as caught:
        proxy.change(Latency(latency_ms=1))
    assert caught.value.status == 404


def test_changing_a_toxic_into_another_type_is_noticed(proxy: Proxy) -> None:
    proxy.add(Latency(latency_ms=1, name="mine"))
    with pytest.raises(ToxiproxyError, match="was sent Timeout"):
        proxy.change(Timeout(timeout_ms=1, name="mine"))


def test_a_proxy_on_a_taken_port_is_a_clear_error(server: ToxiproxyServer, proxy: Proxy) -> None:
    with pytest.raises(ToxiproxyError, match="address already in use") as caught:
        server.api.create("other", proxy.upstream, proxy.port)
    assert caught.value.status == 500


def test_a_second_proxy_of_the_same_name_is_a_clear_error(server: ToxiproxyServer, proxy: Proxy) -> None:
    with pytest.raises(ToxiproxyError, match="already"):
        server.api.create(proxy.name, proxy.upstream)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ä"])
def test_a_name_that_would_break_its_url_is_refused(server: ToxiproxyServer, proxy: Proxy, name: str) -> None:
    with pytest.raises(ToxiproxyError, match="letters, digits"):
        server.api.create(name, proxy.upstream)
    with pytest.raises(ToxiproxyError, match="letters, digits"):
        proxy.add(Latency(latency_ms=1, name=name or " "))


def test_enabling_and_disabling_twice_changes_nothing_more(proxy: Proxy, connect: Connect) -> None:
    proxy.disable()
    proxy.disable()
    assert not proxy.is_enabled()
    proxy.enable()
    proxy.enable()
    assert proxy.is_enabled()
    connect()


def test_healing_removes_all_toxics_and_enables(proxy: Proxy, connect: Connect) -> None:
    for toxic in ALL:
        proxy.add(toxic)
    proxy.disable()
    proxy.heal()
    proxy.heal()
    assert proxy.toxics() == {}
    connect()


def test_a_rebuilt_proxy_listens_on_the_same_port_without_toxics(proxy: Proxy, connect: Connect) -> None:
    port = proxy.port
    proxy.add(Timeout(timeout_ms=0))
    proxy.rebuild()
    assert (proxy.port, proxy.toxics()) == (port, {})
    connect()


def test_a_proxy_can_be_deleted_twice(server: ToxiproxyServer, proxy: Proxy) -> None:
    proxy.delete()
    proxy.delete()
    assert server.api.proxy_names() == set()


def test_the_proxy_settings_of_the_environment_are_ignored(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    proxy.add(Latency(latency_ms=1))
    proxy.change(Latency(latency_ms=2))
    proxy.heal()


def test_with_a_client_that_does_not_read_a_call_ends_and_deletion_frees_the_api(
    server: ToxiproxyServer, proxy: Proxy, stuck_reader: socket.socket, connect: Connect
) -> None:
    with pytest.raises(ToxiproxyError, match="no answer within 2 s"):
        proxy.add(Latency(latency_ms=1))
    with pytest.raises(ToxiproxyError, match="no answer within 2 s"):
        server.api.proxy_names()
    proxy.rebuild()
    assert server.api.proxy_names() == {"echo"}
    connect()


def test_where_even_deletion_hangs_toxiproxy_is_killed(
    server: ToxiproxyServer, proxy: Proxy, stuck_reader: socket.socket
) -> None:
    with pytest.raises(ToxiproxyError, match="no answer"):
        proxy.add(Latency(latency_ms=1))
    with socket.create_connection((proxy.host, proxy.port)), pytest.raises(ToxiproxyGone, match="was killed"):
        proxy.delete()
    with pytest.raises(ToxiproxyGone):
        server.check_alive()
