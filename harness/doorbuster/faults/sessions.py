"""Sessions of the faults' own at the server, from blocking code."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from doorbuster.faults.base import Site

APPLICATION = "doorbuster fault"
CONNECT_S = 15.0


async def session(site: Site, timeout_s: float = CONNECT_S) -> asyncpg.Connection:
    """A superuser's session at the maintenance database."""
    settings = {"application_name": APPLICATION}
    return await asyncpg.connect(site.server.dsn("postgres"), timeout=timeout_s, server_settings=settings)


def statements(site: Site, *sql: str) -> None:
    """Run statements one by one, over a session of their own, and wait for them.

    Raises:
        OSError, asyncpg.PostgresError: the server does not take them.
    """

    async def work() -> None:
        connection = await session(site)
        try:
            for statement in sql:
                await connection.execute(statement)
        finally:
            connection.terminate()

    with ThreadPoolExecutor(1) as pool:  # also where this thread's event loop is running
        pool.submit(asyncio.run, work()).result()
