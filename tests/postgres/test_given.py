import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.binaries import Binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.errors import ServerError
from doorbuster.postgres.given import GivenRuntime, address_of, is_marked, mark_disposable, unmark_disposable

from tests.integration.conftest import COMMAND, contract, finished

KILLED = """
import os, signal, sys
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.connect import run_privately
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.given import GivenRuntime
with Guardian() as guardian, GivenRuntime(sys.argv[1], guardian).open() as server:
    run_privately(Databases(server).clone("template1", server.prefix + "left"))
    {end}
"""


@pytest.fixture
def given(server: EmbeddedServer) -> Iterator[str]:
    """The DSN of a server of somebody's that is marked."""
    dsn = server.dsn("postgres")
    mark_disposable(dsn)
    yield dsn
    unmark_disposable(dsn)


async def databases(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select datname from pg_database where datname ~ 'doorbuster'")
        return [name for (name,) in rows]
    finally:
        await connection.close()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def test_a_server_without_the_marker_is_refused_and_the_cure_is_named(
    server: EmbeddedServer, guardian: Guardian
) -> None:
    with (
        pytest.raises(ServerError, match="does not say that it is disposable") as caught,
        GivenRuntime(server.dsn("postgres"), guardian).open(),
    ):
        pass
    assert "doorbuster doctor --mark-disposable" in str(caught.value)
    assert server.password not in str(caught.value)


async def test_the_marker_stands_beside_the_comment_that_is_there(server: EmbeddedServer) -> None:
    dsn = server.dsn("postgres")
    await execute(dsn, "comment on database postgres is 'it''s ours'")
    shown = mark_disposable(dsn)
    assert server.password not in shown
    mark_disposable(dsn)
    assert is_marked(dsn)
    connection = await asyncpg.connect(dsn)
    query = "select shobj_description(oid, 'pg_database') from pg_database where datname = 'postgres'"
    assert await connection.fetchval(query) == "it's ours [doorbuster: disposable]"
    unmark_disposable(dsn)
    assert await connection.fetchval(query) == "it's ours"
    await connection.close()
    assert not is_marked(dsn)


async def test_databases_have_names_of_their_own_and_are_gone_afterwards(given: str, guardian: Guardian) -> None:
    with GivenRuntime(given, guardian).open() as one, GivenRuntime(given, guardian).open() as other:
        assert one.prefix != other.prefix
        for server in (one, other):
            await Databases(server).clone("template1", f"{server.prefix}shop")
        slot = "select pg_create_logical_replication_slot('kept', 'test_decoding')"
        await execute(one.dsn(f"{one.prefix}shop"), slot)
        assert len(await databases(given)) == 2
    assert await databases(given) == []


async def test_it_can_be_neither_killed_nor_restarted_and_says_so(given: str, guardian: Guardian) -> None:
    with GivenRuntime(given, guardian).open() as server:
        assert (server.capabilities.can_crash, server.capabilities.logical) == (False, True)
        for deed in (server.kill, server.restart, server.stop, lambda: server.kill_backend(1)):
            with pytest.raises(ServerError, match="not ours to crash"):
                deed()


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), signal.SIGKILL)", "os.kill(guardian.pid, signal.SIGKILL); os._exit(1)"]
)
async def test_what_a_killed_harness_left_is_removed_at_once_or_by_the_next(
    given: str, guardian: Guardian, end: str
) -> None:
    command = [sys.executable, "-c", KILLED.format(end=end), given]
    subprocess.run(command, check=False, capture_output=True, timeout=60)
    with GivenRuntime(given, guardian).open():
        assert await databases(given) == []


async def test_a_run_leaves_alone_what_a_living_run_has(given: str, guardian: Guardian) -> None:
    with GivenRuntime(given, guardian).open() as living:
        await Databases(living).clone("template1", f"{living.prefix}shop")
        with GivenRuntime(given, guardian).open():
            assert await databases(given) == [f"{living.prefix}shop"]


async def test_a_role_that_may_not_create_databases_is_refused(given: str, guardian: Guardian) -> None:
    await execute(given, "create role poor login password 'poor'")
    address = address_of(given)
    dsn = f"postgresql://poor:poor@{address.host}:{address.port}/postgres"
    try:
        with pytest.raises(ServerError, match="poor may not create databases"), GivenRuntime(dsn, guardian).open():
            pass
        await execute(given, "alter role poor createdb")
        with GivenRuntime(dsn, guardian).open() as server:
            assert not server.capabilities.logical
            assert "logical decoding is not to be had" in server.capabilities.lacks
    finally:
        await execute(given, "drop role poor")


def test_a_server_that_is_not_there_is_an_error_without_the_password(guardian: Guardian) -> None:
    with (
        pytest.raises(ServerError, match="cannot be reached") as caught,
        GivenRuntime("postgresql://me:secret@127.0.0.1:1/postgres", guardian).open(),
    ):
        pass
    assert "secret" not in str(caught.value)


def test_without_logical_decoding_a_run_is_inconclusive_says_why_and_shows_no_password(
    tmp_path: Path, binaries: Binaries, guardian: Guardian
) -> None:
    with EmbeddedServer(binaries, guardian, settings={"wal_level": "replica"}) as own:
        dsn = own.dsn("postgres")
        mark_disposable(dsn)
        given = ["--postgres", dsn, "--disposable", "--out", str(tmp_path)]
        command = [*COMMAND, "run", "last_item", "server_crash", *given]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        run = finished(done.returncode, done.stdout + done.stderr, tmp_path)
        assert run.exit_code == 4, run.output
        assert run.check("last_item", "oversold")["status"] == "unobservable"
        assert "wal_level is replica" in run.check("last_item", "oversold")["reason"]
        assert "not ours to crash" in run.check("server_crash", "lost_order")["reason"]
        assert run.result["postgres"]["runtime"] == "given"
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in written if own.password.encode() in path.read_bytes()]
        assert own.password not in run.output


ACCEPTING = """
name = "accepting"
kind = "load"
description = "Orders on a server without a log."
[workload]
arrivals = "burst"
buyers = 8
rounds = 10
stock = 1
[checks]
require = ["oversold", "conservation", "lost_order"]
accept_unobservable = ["oversold", "conservation", "lost_order"]
"""


def test_without_a_log_the_final_state_convicts_and_passes_only_where_that_is_accepted_by_name(
    tmp_path: Path, binaries: Binaries, guardian: Guardian
) -> None:
    scenario = tmp_path / "accepting.toml"
    scenario.write_text(ACCEPTING)
    with EmbeddedServer(binaries, guardian, settings={"wal_level": "replica"}) as own:
        mark_disposable(own.dsn("postgres"))
        runs = []
        for number, more in enumerate([[], ["-c", contract("application_rollback")]]):
            out = tmp_path / str(number)
            given = ["--postgres", own.dsn("postgres"), "--disposable", "--out", str(out)]
            command = [*COMMAND, "run", str(scenario), *given, *more]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
            runs.append(finished(done.returncode, done.stdout + done.stderr, out))
    right, wrong = runs
    assert right.exit_code == 0, right.output
    check = right.check("accepting", "conservation")
    assert check["status"] == "unobservable"
    assert check["reason"].endswith("the scenario accepts that")
    assert right.check("accepting", "false_sold_out")["status"] == "unobservable"
    assert wrong.exit_code == 1, wrong.output
    assert wrong.check("accepting", "conservation")["status"] == "violated"
    assert wrong.check("accepting", "conservation")["example"]["lsn"] == "snapshot"
