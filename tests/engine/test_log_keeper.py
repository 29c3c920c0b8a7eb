"""The log that is read beside a long load: what the slot holds back stays small, and nothing is lost or doubled."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.log_keeper import LogKeeper
from doorbuster.host.guardian import Guardian
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.connect import connect
from doorbuster.postgres.embedded import EmbeddedServer

from tests.record.test_log import SELL, opened, stored

HELD_BYTES = 256 << 10
SALES = 3000


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server of this module's own: it is killed."""
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    with Guardian() as guardian, EmbeddedServer(find_binaries(Path(named) if named else None), guardian) as started:
        yield started


def target(server: EmbeddedServer, name: str) -> Target:
    return Target(server.host, server.port, server.user, server.password, name)


async def read_something(keeper: LogKeeper) -> None:
    async with asyncio.timeout(60):
        while not keeper.chunks:
            await asyncio.sleep(0.02)


async def sold(keeper: LogKeeper, connection: asyncpg.Connection, folder: Path) -> list[int]:
    """The numbers of the sales in the log, in its order, once the rest is read."""
    await keeper.finish(connection, folder)
    await connection.close()
    return [attempt for _, attempt, _ in stored(folder)["commits"] if attempt is not None]


async def test_a_long_log_is_read_while_it_grows(server: EmbeddedServer, tmp_path: Path) -> None:
    connection, tables = await opened(server, "grows")
    keeper = LogKeeper("grows", tables, target(server, "grows"), HELD_BYTES, 500)
    keeper.follow(tmp_path)
    await connection.execute(SELL.format(number=SALES, first=0))
    await read_something(keeper)
    assert await sold(keeper, connection, tmp_path) == list(range(1, SALES + 1))


async def test_a_short_log_is_left_alone_until_the_end(server: EmbeddedServer, tmp_path: Path) -> None:
    connection, tables = await opened(server, "short")
    keeper = LogKeeper("short", tables, target(server, "short"))
    keeper.follow(tmp_path)
    await connection.execute(SELL.format(number=10, first=0))
    assert await sold(keeper, connection, tmp_path) == list(range(1, 11))
    assert keeper.chunks == 0


async def test_a_server_that_is_killed_meanwhile_is_waited_for(server: EmbeddedServer, tmp_path: Path) -> None:
    connection, tables = await opened(server, "killed")
    keeper = LogKeeper("killed", tables, target(server, "killed"), HELD_BYTES, 500)
    keeper.follow(tmp_path)
    await connection.execute(SELL.format(number=SALES, first=0))
    await read_something(keeper)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.restart)
    connection = await connect(server.dsn("killed"))
    await connection.execute(SELL.format(number=SALES, first=SALES))
    assert await sold(keeper, connection, tmp_path) == list(range(1, 2 * SALES + 1))
