"""Databases cloned from a template that was deployed once."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from doorbuster.model.server import Server
from doorbuster.postgres.connect import TROUBLE, connect

T = TypeVar("T")
LONGEST_NAME_BYTES = 63
FIRST_WITH_STRATEGY = 15
# Lists of names, which are written as they are: quotes around the whole would make one name of them.
_SETTINGS = """
select format('alter %s set %I = %s',
              case when setrole = 0 then format('database %I', $2::text)
                   else format('role %I in database %I', setrole::regrole::text, $2::text) end,
              split_part(setting, '=', 1),
              case when split_part(setting, '=', 1) in ('search_path', 'temp_tablespaces')
                   then substr(setting, strpos(setting, '=') + 1)
                   else quote_literal(substr(setting, strpos(setting, '=') + 1)) end)
from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) as setting
where d.datname = $1
"""


class Databases:
    """Makes and drops databases of one server, each over a connection of its own, so that crashes break nothing."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def create_template(self, name: str, deploy: Callable[[str], Awaitable[T]]) -> T:
        """Creates a database and runs ``deploy`` with its DSN; returns what that returns.

        ``deploy`` must have closed its connections: a template with a session cannot be cloned. If it fails the
        database is dropped, and its exception is raised.
        """
        await self._execute(f"create database {quote_identifier(name)}")
        try:
            return await deploy(self._server.dsn(name))
        except BaseException:
            await self._try_to_drop(name)
            raise

    async def clone(self, template: str, name: str) -> None:
        """Creates ``name`` as a copy of ``template``, in some hundredths of a second.

        Raises:
            asyncpg.PostgresError: no such template, it has sessions, or the name is taken.
        """
        command = f"create database {quote_identifier(name)} template {quote_identifier(template)}"
        await self._execute(command + (" strategy wal_log" if self._major() >= FIRST_WITH_STRATEGY else ""))
        await self._copy_settings(template, name)

    async def _copy_settings(self, template: str, name: str) -> None:
        """What ALTER DATABASE … SET made of the template, such as a search_path: a clone does not inherit it."""
        connection = await connect(self._server.dsn("postgres"))
        try:
            for command in await connection.fetch(_SETTINGS, template, name):
                await connection.execute(command[0])
        finally:
            await connection.close()

    async def drop(self, name: str) -> None:
        """Drops a database with its sessions and idle logical slots; harmless if there is none."""
        await self._execute(f"drop database if exists {quote_identifier(name)} with (force)")

    @asynccontextmanager
    async def cloned(self, template: str, name: str) -> AsyncIterator[str]:
        """A clone for the length of a block: its DSN."""
        await self.clone(template, name)
        try:
            yield self._server.dsn(name)
        except BaseException:
            await self._try_to_drop(name)
            raise
        await self.drop(name)

    async def _try_to_drop(self, name: str) -> None:
        """For the way out of an exception, which must not be hidden by that of a server that is gone."""
        with suppress(*TROUBLE):
            await self.drop(name)

    async def _execute(self, command: str) -> None:
        connection = await connect(self._server.dsn("postgres"))
        try:
            await connection.execute(command)
        finally:
            await connection.close()

    def _major(self) -> int:
        match = re.match(r"\d+", self._server.version)
        return int(match[0]) if match else 0


def quote_identifier(name: str) -> str:
    """A name as SQL takes it.

    Raises:
        ValueError: empty, longer than Postgres's 63 bytes (it would cut it off), or with a NUL.
    """
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME_BYTES:
        raise ValueError(f"not a usable name: {name!r}")
    return '"' + name.replace('"', '""') + '"'
