"""Connections of the harness's own, straight to the server."""

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

import asyncpg

CONNECT_S = 15.0
TRIES, AGAIN_S = 3, 0.2
# What asyncpg raises where the server refuses, or where it or the line to it is gone. The last: the server said on its
# own that it ends the session, and the line's end has not come yet.
TROUBLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
T = TypeVar("T")
_PASSWORD = re.compile(r"(\bpostgres(?:ql)?://[^\s:/@]*:)[^\s@/]*(@)")
_QUERY_PASSWORD = re.compile(r"(\b(?:password|pgpassword)=)[^\s&'\"]+", re.IGNORECASE)


def uri(user: str, password: str, host: str, port: int, database: str) -> str:
    """A libpq connection URI; without TLS, which a server on the loopback interface need not have."""
    return f"postgresql://{quote(user, '')}:{quote(password, '*')}@{host}:{port}/{quote(database, '')}?sslmode=disable"


def redacted(text: str) -> str:
    """``text`` with the password of every connection URI in it made unreadable."""
    return _QUERY_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1***\2", text))


async def connect(dsn: str, **settings: str) -> asyncpg.Connection:
    """A connection named "doorbuster" with these server settings; the caller closes it.

    A server that hangs up before it has said anything is asked again: on a crowded machine that happens, and nothing
    was done yet. One that is gone refuses the next try.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: no connection within 15 s.
    """
    settings = {"application_name": "doorbuster", **settings}
    for tries_left in reversed(range(TRIES)):
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_S, server_settings=settings)
        except asyncpg.ConnectionDoesNotExistError:
            if not tries_left:
                raise
            await asyncio.sleep(AGAIN_S)
    raise AssertionError


def set_password(dsn: str, password: str) -> None:
    """Changes the password of the user of ``dsn``, without a trace in the server's log."""
    run_privately(_set_password(dsn, password))


def run_privately(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end from blocking code, also where this thread's event loop is running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


# Stretching protects weak passwords; ours is random and long, and each connection would pay milliseconds for it.
_ONE_ITERATION = """
select set_config(name, '1', false) from pg_settings where name = 'scram_iterations'
"""


async def _set_password(dsn: str, password: str) -> None:
    # A user's settings could put every statement into the log.
    connection = await connect(dsn, log_statement="none", log_min_duration_statement="-1")
    try:
        await connection.execute(_ONE_ITERATION)
        change = await connection.fetchval("select format('alter role current_user password %L', $1::text)", password)
        await connection.execute(change)
    finally:
        await connection.close()
