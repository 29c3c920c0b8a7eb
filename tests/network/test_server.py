import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from doorbuster.host.ports import free_port
from doorbuster.network import server as server_module
from doorbuster.network.adapter import Proxy
from doorbuster.network.binary import ToxiproxyBinary
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.server import ToxiproxyServer
from doorbuster.network.toxics import Latency

Connect = Callable[[], socket.socket]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Guard:
    def __init__(self) -> None:
        self.watched: list[int] = []
        self.forgotten: list[int] = []

    def watch_process(self, pid: int) -> None:
        self.watched.append(pid)

    def forget_process(self, pid: int) -> None:
        self.forgotten.append(pid)


def test_the_process_is_guarded_while_it_runs_and_gone_afterwards(binary: ToxiproxyBinary) -> None:
    guard = Guard()
    with ToxiproxyServer(binary, guard=guard) as server:
        pid = server.pid
        assert (guard.watched, guard.forgotten) == ([pid], [])
        assert server.api.version() == binary.version
        server.check_alive()
    assert guard.forgotten == [pid]
    assert not exists(pid)


def test_one_that_is_stopped_is_missed_as_one_that_is_dead(binary: ToxiproxyBinary) -> None:
    with ToxiproxyServer(binary, timeout_s=0.5) as server:
        server.check_responds()
        os.kill(server.pid, signal.SIGSTOP)
        server.check_alive()
        with pytest.raises(ToxiproxyGone, match="does not answer"):
            server.check_responds()


HARNESS = """
import os, signal, sys
from pathlib import Path
from doorbuster.host.guardian import Guardian
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.server import ToxiproxyServer
with Guardian() as guard, ToxiproxyServer(find_toxiproxy(Path(sys.argv[1]), Path()), guard=guard) as server:
    print(server.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_process_does_not_outlive_a_killed_harness(binary: ToxiproxyBinary) -> None:
    done = subprocess.run([sys.executable, "-c", HARNESS, binary.path], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    while exists(int(done.stdout)):
        time.sleep(0.05)


def test_the_process_is_gone_after_an_error_inside(binary: ToxiproxyBinary) -> None:
    pids = []

    def fail_inside() -> None:
        with ToxiproxyServer(binary) as server:
            pids.append(server.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert not exists(pids[0])


def test_two_servers_side_by_side_share_nothing(binary: ToxiproxyBinary) -> None:
    with ToxiproxyServer(binary) as one, ToxiproxyServer(binary) as other:
        with one.proxy("mine", "127.0.0.1:1") as mine, other.proxy("mine", "127.0.0.1:1") as same_name:
            mine.add(Latency(latency_ms=1))
            same_name.disable()
            assert (len(mine.toxics()), mine.is_enabled()) == (1, True)
            assert (len(same_name.toxics()), same_name.is_enabled()) == (0, False)
        assert one.api.proxy_names() == other.api.proxy_names() == set()


@pytest.mark.parametrize("call", ["add", "change", "heal", "is_enabled", "disable", "delete", "rebuild"])
def test_a_toxiproxy_killed_in_the_middle_is_reported_as_gone(server: ToxiproxyServer, proxy: Proxy, call: str) -> None:
    os.kill(server.pid, signal.SIGKILL)
    arguments = [Latency(latency_ms=1)] if call in ("add", "change") else []
    with pytest.raises(ToxiproxyGone, match="ended with -9"):
        getattr(proxy, call)(*arguments)
    with pytest.raises(ToxiproxyGone):
        server.check_alive()


def test_what_it_said_last_is_told(server: ToxiproxyServer, proxy: Proxy) -> None:
    proxy.disable()  # the library's POST is deprecated, which Toxiproxy logs
    server.kill()
    with pytest.raises(ToxiproxyGone, match="Use HTTP PATCH"):
        server.check_alive()


def test_interrupting_the_harness_at_the_keyboard_does_not_reach_toxiproxy(server: ToxiproxyServer) -> None:
    assert os.getpgid(server.pid) != os.getpgid(0)


def test_another_toxiproxy_on_the_port_is_not_taken_for_ours(
    binary: ToxiproxyBinary, server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = server.api.http.port
    choices = iter([taken, taken])
    monkeypatch.setattr(server_module, "free_port", lambda: next(choices, None) or free_port())
    with ToxiproxyServer(binary) as ours:
        ours.api.create("mine", "127.0.0.1:1")
        assert server.api.proxy_names() == set()


def test_a_program_that_is_no_toxiproxy_does_not_start() -> None:
    with pytest.raises(ToxiproxyGone, match="ended with 1"), ToxiproxyServer(ToxiproxyBinary(Path("/bin/false"), "")):
        pass


def test_an_api_of_a_server_that_was_not_started_is_a_clear_error(binary: ToxiproxyBinary) -> None:
    with pytest.raises(ToxiproxyError, match="not started"):
        _ = ToxiproxyServer(binary).api


def test_connections_end_with_their_proxy(server: ToxiproxyServer, proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    proxy.delete()
    assert connection.recv(1) == b""
