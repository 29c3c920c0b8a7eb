"""Each fault of the server, on a real one: it acts, and it is gone afterwards, whoever heals it."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from doorbuster.engine.guarded import GuardedFault
from doorbuster.faults import CannotBreak, Site
from doorbuster.faults.connections_exhausted import ConnectionsExhausted
from doorbuster.faults.disk_full import PLACE_VARIABLE, DiskFull
from doorbuster.faults.failover import Failover
from doorbuster.faults.server_stalled import ServerStalled
from doorbuster.faults.slow_disk import SlowDisk
from doorbuster.faults.worker_stalled import WorkerStalled
from doorbuster.host.processes import unprivileged_user


@asynccontextmanager
async def buyer(site: Site) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        site.server.dsn("postgres"), timeout=20, server_settings={"application_name": site.buyers}
    )
    try:
        yield connection
    finally:
        connection.terminate()


async def works(site: Site) -> bool:
    async with buyer(site) as connection:
        return bool(await connection.fetchval("select true"))


async def test_a_stalled_server_answers_nobody_and_then_goes_on_where_it_was(site: Site) -> None:
    async with buyer(site) as connection:
        with ServerStalled().applied(site):
            asked = asyncio.ensure_future(connection.fetchval("select 7"))
            done, _ = await asyncio.wait({asked}, timeout=0.3)
            assert not done
        assert await asked == 7


async def test_after_a_failover_the_same_address_answers_and_what_was_committed_is_there(site: Site) -> None:
    async with buyer(site) as connection:
        await connection.execute("create table if not exists kept (n int)")
        await connection.execute("insert into kept values (1)")
        with Failover().applied(site), pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await works(site)
    async with buyer(site) as connection:
        assert await connection.fetchval("select count(*) from kept") >= 1


async def test_with_all_connections_taken_nobody_gets_in_and_buyers_are_out(site: Site) -> None:
    async with buyer(site) as connection:
        guard = ConnectionsExhausted().applied(site)
        await asyncio.to_thread(guard.__enter__)
        try:
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await connection.fetchval("select 1")
            with pytest.raises(asyncpg.TooManyConnectionsError) as refused:
                await works(site)
            assert refused.value.sqlstate == "53300"
        finally:
            await asyncio.to_thread(guard.__exit__, None, None, None)
    deadline = time.monotonic() + 10  # a session that was dropped is counted until its process has ended
    while True:
        try:
            assert await works(site)
            break
        except asyncpg.TooManyConnectionsError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_slow_disk_makes_a_commit_wait_and_a_read_not(site: Site) -> None:
    async with buyer(site) as connection:
        await connection.execute("create table if not exists kept (n int)")

        async def delay() -> int:
            return int(await connection.fetchval("select setting from pg_settings where name = 'commit_delay'"))

        with SlowDisk(flush_ms=80).applied(site):
            while not await delay():  # the server reads its settings anew when it comes round to it
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await connection.execute("insert into kept values (2)")
            assert time.monotonic() - began >= 0.08
        while await delay():
            await asyncio.sleep(0.01)


@pytest.mark.skipif(unprivileged_user() is None, reason="needs the right to mount a small file system: root")
async def test_a_full_disk_refuses_rows_and_takes_them_when_there_is_room_again(site: Site) -> None:
    disk = DiskFull()
    async with buyer(site) as connection:
        await connection.execute("create database small")
        small = replace(site, database="small")
        try:
            guard = disk.prepared(small, "small")
            guard.__enter__()
        except CannotBreak as reason:
            pytest.skip(str(reason))
        try:
            inside = await asyncpg.connect(site.server.dsn("small"))
            await inside.execute("create table filled (n int, text text)")
            fill = "insert into filled select n, repeat('x', 500) from generate_series(1, 2000) n"
            with disk.applied(small):
                with pytest.raises(asyncpg.DiskFullError):
                    await inside.execute(fill)
                assert await connection.fetchval("select true")  # the server is none the worse
            await inside.execute(fill)
            await inside.close()
            await connection.execute("drop database small")
        finally:
            guard.__exit__(None, None, None)
    assert str(site.scratch) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.skipif(unprivileged_user() is None, reason="needs the right to mount a small file system: root")
def test_what_is_mounted_in_a_dead_runs_folder_goes_with_it(tmp_path: Path) -> None:
    from doorbuster.host.remains import remove_folder

    folder = tmp_path / "left"
    (folder / "small_disk").mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "x", folder / "small_disk"], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    assert remove_folder(folder)
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def test_a_real_disk_is_never_filled(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))
    found = os.statvfs(tmp_path)
    if found.f_frsize * found.f_blocks <= 1 << 30:
        pytest.skip("the temporary folder lies on a small disk")
    with pytest.raises(CannotBreak, match="more than 1 GiB"), DiskFull().prepared(site, "template1"):
        pass
    (tmp_path / "somebody's").touch()
    with pytest.raises(CannotBreak, match="no empty folder"), DiskFull().prepared(site, "template1"):
        pass


def test_a_stalled_worker_stands_still_and_goes_on(site: Site) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with WorkerStalled().applied(replace(site, workers=lambda: [process.pid])):
            _wait_for(process.pid, "T")
        _wait_for(process.pid, "SR")
    finally:
        process.kill()
        process.wait()
    with pytest.raises(CannotBreak, match="no driving process"), WorkerStalled().applied(site):
        pass


def _wait_for(pid: int, states: str) -> None:
    """A signal takes a moment to be taken."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_watchdog_heals_what_nobody_heals(site: Site) -> None:
    bitten = threading.Event()
    guarded = GuardedFault(ServerStalled().applied(site), bitten.set)
    guarded.apply(0.0, late_s=0.05)  # and then nobody comes round to healing it
    assert bitten.wait(20)
    assert asyncio.run(works(site))
    healed_us = guarded.healed_us
    guarded.heal()
    assert guarded.healed_us == healed_us
