import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from doorbuster.host import process_table
from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.host.process_table import ProcessId
from doorbuster.host.scratch import sweep
from doorbuster.model.server import Server
from doorbuster.postgres.binaries import Binaries
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.errors import ServerError

PATIENCE_S = 15.0
HARNESS = """
import sys, time
from pathlib import Path
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer
with Guardian() as guardian, EmbeddedServer(find_binaries(), guardian, base=Path(sys.argv[1])) as server:
    print(server.pid, guardian.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def own(binaries: Binaries, guardian: Guardian) -> Iterator[EmbeddedServer]:
    """A server that the test may kill."""
    with EmbeddedServer(binaries, guardian) as started:
        yield started


def start_harness(base: Path) -> tuple[subprocess.Popen[str], list[ProcessId]]:
    """A harness with a server; its server's processes, and last its guardian."""
    harness = subprocess.Popen([sys.executable, "-c", HARNESS, str(base)], stdout=subprocess.PIPE, text=True)
    assert harness.stdout
    postmaster, guardian = (int(word) for word in harness.stdout.readline().split())
    family = process_table.tree_of(postmaster)
    assert len(family) > 4
    return harness, [*family, *process_table.tree_of(guardian)]


def segment_of(data: Path) -> str:
    """The id of a running server's System V shared memory."""
    return (data / "postmaster.pid").read_text().splitlines()[6].split()[1]


def segments() -> set[str]:
    """The ids of the machine's System V shared memory; none where they are not listed."""
    listing = Path("/proc/sysvipc/shm")
    return {line.split()[1] for line in listing.read_text().splitlines()[1:]} if listing.exists() else set()


async def ask(dsn: str, *queries: str) -> object:
    """Runs the queries, each its own transaction; returns the last one's value."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return [await connection.fetchval(query) for query in queries][-1]
    finally:
        await connection.close()


async def test_the_log_is_a_witness_and_durability_is_honest(server: EmbeddedServer) -> None:
    dsn = server.dsn("postgres")
    assert server.capabilities.logical
    assert await ask(dsn, "show wal_level") == "logical"
    assert await ask(dsn, "show synchronous_commit") == "on"
    assert str(await ask(dsn, "show server_version")).split()[0] == server.version


async def test_a_wrong_password_is_refused(server: EmbeddedServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(server.dsn("postgres").replace(server.password, "wrong"), "select 1")


def test_neither_the_shown_dsn_nor_repr_nor_the_log_holds_the_password(server: EmbeddedServer) -> None:
    shown = server.redacted_dsn("postgres") + repr(server) + server.log_path.read_text()
    assert server.password not in shown


def test_it_listens_on_the_loopback_address_alone(server: EmbeddedServer) -> None:
    with socket.create_connection((LOOPBACK, server.port), timeout=10):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=10)


def test_it_is_a_server_as_the_model_means_it(server: EmbeddedServer) -> None:
    seen: Server = server
    assert (seen.runtime, seen.user, seen.capabilities.can_crash) == ("embedded", "postgres", True)


async def test_two_servers_live_side_by_side(server: EmbeddedServer, own: EmbeddedServer) -> None:
    assert server.port != own.port
    assert server.password != own.password
    assert await ask(server.dsn("postgres"), "select 1") == await ask(own.dsn("postgres"), "select 1")


async def test_a_killed_server_has_no_process_left_and_keeps_what_was_committed(own: EmbeddedServer) -> None:
    dsn = own.dsn("postgres")
    await ask(dsn, "create table t (n int)", "insert into t values (1)")
    connection = await asyncpg.connect(dsn)
    family = process_table.tree_of(own.pid)
    own.kill()
    assert not any(process_table.is_alive(p) for p in family)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("select 1")
    own.restart()
    assert own.dsn("postgres") == dsn
    assert await ask(dsn, "select n from t") == 1


async def test_a_server_is_killed_and_restarted_under_load(own: EmbeddedServer) -> None:
    await ask(own.dsn("postgres"), "create table t (n int)")
    acknowledged = 0

    async def write() -> None:
        nonlocal acknowledged
        connection = await asyncpg.connect(own.dsn("postgres"))
        while True:
            await connection.execute("insert into t values (1)")
            acknowledged += 1

    for _ in range(3):
        writers = [asyncio.create_task(write()) for _ in range(8)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own.kill)
        await asyncio.gather(*writers, return_exceptions=True)
        await asyncio.to_thread(own.restart)
    found = await ask(own.dsn("postgres"), "select count(*) from t")
    assert isinstance(found, int)
    assert acknowledged <= found <= acknowledged + 3 * 8


async def test_a_stopped_server_starts_again_with_its_data(own: EmbeddedServer) -> None:
    await ask(own.dsn("postgres"), "create table t (n int)", "insert into t values (7)")
    own.stop()
    with pytest.raises(ServerError, match="does not run"):
        _ = own.pid
    own.stop()
    own.start()
    assert await ask(own.dsn("postgres"), "select n from t") == 7


async def test_a_server_whose_postmaster_somebody_else_killed_starts_again(own: EmbeddedServer) -> None:
    dsn = own.dsn("postgres")
    await ask(dsn, "create table t as select 1 as n")
    bystander = await asyncpg.connect(dsn)
    postmaster = process_table.identify(own.pid)
    assert postmaster
    os.kill(postmaster.pid, signal.SIGKILL)
    process_table.wait_gone([postmaster], PATIENCE_S)
    own.restart()
    bystander.terminate()
    assert await ask(dsn, "select n from t") == 1


def test_a_sweep_ends_the_server_of_a_harness_and_guardian_that_were_both_killed(base: Path) -> None:
    harness, watched = start_harness(base)
    segment = segment_of(next(base.glob("*/data")))
    process_table.kill_all(watched[-1:])
    harness.kill()
    harness.communicate()
    assert any(process_table.is_alive(p) for p in watched)
    assert len(sweep(base)) == 1
    assert not any(process_table.is_alive(p) for p in watched)
    assert segment not in segments()


def test_a_running_server_is_not_started_twice(server: EmbeddedServer) -> None:
    with pytest.raises(ServerError, match="runs already"):
        server.start()


def test_a_killed_server_leaves_no_folder_and_no_shared_memory(binaries: Binaries, guardian: Guardian) -> None:
    with EmbeddedServer(binaries, guardian) as server:
        folder = server.log_path.parent
        segment = segment_of(folder / "data")
        server.kill()
    assert not folder.exists()
    assert segment not in segments()


async def test_settings_go_over_the_defaults(binaries: Binaries, guardian: Guardian) -> None:
    settings = {"deadlock_timeout": "50ms", "application_name": "it's\\", "log_statement": "all"}
    with EmbeddedServer(binaries, guardian, settings=settings, max_connections=23) as server:
        assert await ask(server.dsn("postgres"), "show deadlock_timeout") == "50ms"
        assert await ask(server.dsn("postgres"), "show max_connections") == "23"
        assert server.password not in server.log_path.read_text()


def test_a_setting_that_does_not_exist_is_named(binaries: Binaries, guardian: Guardian) -> None:
    with (
        pytest.raises(ServerError, match="no_such_setting"),
        EmbeddedServer(binaries, guardian, settings={"no_such_setting": "1"}),
    ):
        pass


def test_another_port_is_taken_when_the_first_is_not_free(
    binaries: Binaries, guardian: Guardian, server: EmbeddedServer
) -> None:
    free = free_port()
    ports = iter([server.port, server.port, free])
    with EmbeddedServer(binaries, guardian, choose_port=lambda: next(ports)) as second:
        assert second.port == free


def test_a_port_asked_for_that_is_taken_is_an_error(
    binaries: Binaries, guardian: Guardian, server: EmbeddedServer
) -> None:
    with (
        pytest.raises(ServerError, match="Address already in use"),
        EmbeddedServer(binaries, guardian, port=server.port),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_remains_of_a_harness_however_it_ends(base: Path, number: int) -> None:
    harness, watched = start_harness(base)
    os.kill(harness.pid, number)
    harness.communicate()
    assert process_table.wait_gone(watched, PATIENCE_S) == []
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("delay_s", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_nothing_remains_of_a_harness_killed_while_it_starts(base: Path, delay_s: float) -> None:
    harness = subprocess.Popen([sys.executable, "-c", HARNESS, str(base)], stdout=subprocess.PIPE)
    time.sleep(delay_s)
    family = process_table.tree_of(harness.pid)
    harness.kill()
    harness.communicate()
    assert process_table.wait_gone(family, PATIENCE_S) == []
    assert list(base.iterdir()) == []
