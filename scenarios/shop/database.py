"""The shop's connections: a pool that gives up in time, and knows when it does not know."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

# The server ended the session, or cannot tell whether the transaction was completed; class 08 a driver makes up.
_INDEFINITE = re.compile(r"57P0[123]|40003|08...")


class Unknown(Exception):
    """No definite answer came: what was asked for may have happened, or not."""


class NoConnection(Exception):
    """The database could not be reached: what was to be asked for has not happened."""


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here outlasts a transaction, and a reset would cost every customer one more round trip."""


class Database:
    """A pool of connections; ``timeout_s`` is how long anything may take."""

    def __init__(self, url: str, size: int, timeout_s: float) -> None:
        self._url, self._size, self._timeout_s = url, size, timeout_s
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Make the pool, all of it: a customer is not to wait for a connection.

        Raises:
            OSError, asyncpg.PostgresError: no database.
        """
        self._pool = await asyncpg.create_pool(
            self._url, min_size=self._size, max_size=self._size, timeout=self._timeout_s, ssl=False, reset=_as_it_is,
            server_settings={"application_name": "example shop"},
        )  # fmt: skip

    async def close(self) -> None:
        """Drop every connection."""
        if self._pool is not None:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for the length of a block, which is dropped after ``timeout_s`` seconds.

        Raises:
            NoConnection: there was none to be had.
            Unknown: the line broke, or time was up, with something on its way.
            asyncpg.PostgresError: what the server said, where that is definite.
        """
        connection = await self._acquired()
        watch = asyncio.get_running_loop().call_later(self._timeout_s, _drop, connection)
        try:
            yield connection
        except asyncpg.PostgresError as problem:
            if _INDEFINITE.fullmatch(problem.sqlstate or ""):
                _drop(connection)
                raise Unknown(str(problem)) from problem
            raise
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as problem:
            _drop(connection)
            raise Unknown(f"{type(problem).__name__}: {problem}") from problem
        finally:
            watch.cancel()
            assert self._pool is not None
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._pool.release(connection, timeout=self._timeout_s)

    async def _acquired(self) -> Any:
        assert self._pool is not None
        try:
            return await self._pool.acquire(timeout=self._timeout_s)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as problem:
            raise NoConnection(f"{type(problem).__name__}: {problem}") from problem


def _drop(connection: asyncpg.Connection) -> None:
    """Cut the line. The pool takes back by itself a connection that has died, and then nobody may touch it."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()
