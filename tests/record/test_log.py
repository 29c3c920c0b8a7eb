"""The log in chunks: what is read does not depend on where they end, nor on a server that is killed between two."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
import pytest
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.connect import connect
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.record.catalogue import Table, read_catalogue
from doorbuster.record.log_text import Unobservable
from doorbuster.record.wal import LogReader, open_witness

SHOP = """
create table stock (id int primary key, units int, note text);
insert into stock select n, 100, 'it''s' || chr(10) || 'n' from generate_series(1, 3) as n
"""
SELL = """
do $$ begin
  for n in 1..{number} loop
    perform pg_logical_emit_message(true, 'doorbuster', 'a' || {first} + n);
    update stock set units = units - 1 where id = 1 + n % 3;
    commit;
  end loop;
end $$"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server of this module's own: it is killed."""
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    with Guardian() as guardian, EmbeddedServer(find_binaries(Path(named) if named else None), guardian) as started:
        yield started


async def opened(server: EmbeddedServer, name: str) -> tuple[asyncpg.Connection, tuple[Table, ...]]:
    """A shop with a witness, in a database of its own."""
    control = await connect(server.dsn("postgres"))
    await control.execute(f"create database {name}")
    await control.close()
    connection = await connect(server.dsn(name))
    await connection.execute(SHOP)
    tables = await read_catalogue(connection, ["stock"])
    await open_witness(connection, tables, name)
    return connection, tables


def stored(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The two tables of a reading, without positions and times, which are each database's own."""
    commits, changes = (f"'{folder}/{name}.parquet'" for name in ("commits", "changes"))
    with duckdb.connect() as db:
        return {
            "commits": db.execute(f"select commit, attempt, tag from {commits} order by commit").fetchall(),
            "changes": db.execute(f"select commit, relation, op, data from {changes} order by seq").fetchall(),
        }


async def test_chunks_of_any_length_give_the_same_tables(server: EmbeddedServer, tmp_path: Path) -> None:
    readings = []
    for number, most in enumerate([1_000_000, 1, 40]):
        folder = tmp_path / str(most)
        folder.mkdir()
        connection, tables = await opened(server, f"chunks{number}")
        await connection.execute(SELL.format(number=30, first=0))
        await LogReader(f"chunks{number}", tables, folder).finish(connection, most)
        await connection.close()
        readings.append(stored(folder))
        left = {path.name for path in folder.iterdir() if path.is_file()}
        assert left == {"changes.parquet", "commits.parquet"}
    whole, single, several = readings
    assert len(whole["commits"]) == 32, "the first state, thirty sales, the end"
    assert len(whole["changes"]) == 33
    assert whole == single == several


async def test_a_chunk_that_is_stored_is_no_longer_held_back(server: EmbeddedServer, tmp_path: Path) -> None:
    connection, tables = await opened(server, "held")
    reader = LogReader("held", tables, tmp_path)
    for _ in range(4):
        await connection.execute(SELL.format(number=2000, first=0))
        while await reader.read_chunk(connection):
            pass
    await connection.execute("select pg_log_standby_snapshot()")
    await reader.read_chunk(connection)
    assert await reader.held_bytes(connection) < 1 << 20, "eight thousand sales are more than 2 MiB of log"
    await reader.finish(connection)
    await connection.close()
    sold = [attempt for _, attempt, _ in stored(tmp_path)["commits"] if attempt is not None]
    assert sold == [n for _ in range(4) for n in range(1, 2001)]


async def test_a_server_killed_between_two_chunks_loses_and_doubles_nothing(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    connection, tables = await opened(server, "killed")
    reader = LogReader("killed", tables, tmp_path)
    for round_no in range(3):
        await connection.execute(SELL.format(number=50, first=100 * round_no))
        await reader.read_chunk(connection, 60)
        server.kill()
        server.restart()
        connection = await connect(server.dsn("killed"))
    await reader.finish(connection)
    await connection.close()
    sold = [attempt for _, attempt, _ in stored(tmp_path)["commits"] if attempt is not None]
    assert sold == [100 * round_no + n for round_no in range(3) for n in range(1, 51)]


async def test_a_truncated_table_in_any_chunk_makes_the_log_no_witness(server: EmbeddedServer, tmp_path: Path) -> None:
    connection, tables = await opened(server, "truncated")
    await connection.execute(SELL.format(number=5, first=0))
    await connection.execute("truncate stock")
    await connection.execute(SELL.format(number=5, first=0))
    with pytest.raises(Unobservable, match="truncated"):
        await LogReader("truncated", tables, tmp_path).finish(connection, 5)
    await connection.close()
