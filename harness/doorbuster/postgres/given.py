"""A server that somebody gave us: used only where it says of itself that it is disposable, and left as it was found.

The marker is a word in the comment of the maintenance database, the one that the DSN names. It is set by hand, once
(``doorbuster doctor --mark-disposable DSN``), so that a wrong DSN in some variable never reaches a server that matters.
Everything of ours there has names that begin with the run's own prefix; a session-level advisory lock tells later runs
that the owner of that prefix still lives.
"""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import asyncpg

from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK
from doorbuster.model.server import Server, ServerCapabilities
from doorbuster.postgres.binaries import OLDEST
from doorbuster.postgres.connect import connect, run_privately, uri
from doorbuster.postgres.errors import ServerError

T = TypeVar("T")
MARKER = "doorbuster: disposable"
MAINTENANCE = "postgres"
SCHEMES = ("postgresql", "postgres")
TLS_MODES = ("require", "verify-ca", "verify-full")
COMPOSE_PORT, COMPOSE_PASSWORD = "54329", "doorbuster"
PREFIX = re.compile(r"doorbuster_([0-9a-f]{8})_")
LOCK_CLASS = 0x646F6F72  # "door"
PROBE_S = 5.0
_PROBLEMS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a DSN; ``database`` is the maintenance database."""

    host: str
    port: int
    user: str
    password: str
    database: str

    def dsn(self, database: str | None = None) -> str:
        """A connection URI with the password."""
        return uri(self.user, self.password, self.host, self.port, database or self.database)

    def shown(self, database: str | None = None) -> str:
        """A connection URI that may be shown."""
        return uri(self.user, "***", self.host, self.port, database or self.database)


def is_dsn(text: str) -> bool:
    """Whether it is meant as a connection URI."""
    return "://" in text


def why_no_dsn(text: str) -> str | None:
    """What is wrong with a connection URI, without its password; None if nothing is."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or 5432
    except ValueError as problem:
        return f"the DSN cannot be read: {problem}"
    if parts.scheme not in SCHEMES:
        return f"a DSN begins with postgresql://, not {parts.scheme}://"
    if not host or not parts.username or not port:
        return "the DSN needs a user and a host, as in postgresql://user@host:5432/postgres"
    if mode := [m for m in parse_qs(parts.query).get("sslmode", []) if m in TLS_MODES]:
        return f"sslmode={mode[0]}: faults are put into plain connections only; leave it out"
    return None


def address_of(dsn: str) -> Address:
    """The parts of a DSN; where it has no password, PGPASSWORD is it.

    Raises:
        ServerError: not a DSN that can be used.
    """
    if reason := why_no_dsn(dsn):
        raise ServerError(reason)
    parts = urlsplit(dsn)
    password = os.environ.get("PGPASSWORD", "") if parts.password is None else unquote(parts.password)
    database = unquote(parts.path.strip("/")) or MAINTENANCE
    return Address(parts.hostname or "", parts.port or 5432, unquote(parts.username or ""), password, database)


def compose_dsn() -> str:
    """The server of ``docker-compose.yml``, which listens on the loopback interface."""
    port = os.environ.get("DOORBUSTER_COMPOSE_PORT", COMPOSE_PORT)
    password = os.environ.get("DOORBUSTER_COMPOSE_PASSWORD", COMPOSE_PASSWORD)
    return f"postgresql://postgres:{quote(password, '')}@{LOOPBACK}:{quote(port, '')}/{MAINTENANCE}"


def mark_disposable(dsn: str) -> str:
    """Puts the marker on a server, beside the comment that is there; returns what was marked, to be shown.

    Raises:
        ServerError: not reachable, or not allowed.
    """
    address = address_of(dsn)
    _privately(_mark(address, True), address)
    return address.shown()


def unmark_disposable(dsn: str) -> str:
    """Takes the marker away; returns from what.

    Raises:
        ServerError: not reachable, or not allowed.
    """
    address = address_of(dsn)
    _privately(_mark(address, False), address)
    return address.shown()


def is_marked(dsn: str) -> bool:
    """Whether the server says that it is disposable.

    Raises:
        ServerError: not reachable.
    """
    address = address_of(dsn)
    return MARKER in _privately(_comment(address), address)


def sweep_server(dsn: str) -> list[str]:
    """Drops the databases of dead runs on a marked server; returns their names.

    Raises:
        ServerError: not reachable, or without the marker.
    """
    address = address_of(dsn)
    return _privately(_sweep(address), address)


async def _sweep(address: Address) -> list[str]:
    connection = await connect(address.dsn())
    try:
        await _require_marker(connection, address)
        return [name for prefix in await _abandoned(connection) for name in await _drop_all(connection, prefix)]
    finally:
        await connection.close()


class GivenServer:
    """A running server that is not ours; a ``doorbuster.model.server.Server`` that cannot be stopped or killed."""

    def __init__(
        self, address: Address, version: str, capabilities: ServerCapabilities, prefix: str, runtime: str
    ) -> None:
        self._address = address
        self.version = version
        self.capabilities = capabilities
        self.prefix = prefix
        self.runtime = runtime
        self.host, self.port = address.host, address.port
        self.user, self.password = address.user, address.password
        self.log_path: Path | None = None

    def __repr__(self) -> str:
        return f"GivenServer({self._address.shown()})"

    def dsn(self, database: str) -> str:
        """A connection URI with the password: for connecting, never for showing."""
        return self._address.dsn(self._address.database if database == MAINTENANCE else database)

    def redacted_dsn(self, database: str) -> str:
        """A connection URI that may be shown."""
        return self._address.shown(database)

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """Raises ServerError: it is not ours to stop."""
        raise ServerError(self.capabilities.lacks)

    def kill(self) -> None:
        """Raises ServerError: it is not ours to kill."""
        raise ServerError(self.capabilities.lacks)

    def kill_backend(self, pid: int) -> None:
        """Raises ServerError: its processes are not ours to kill."""
        raise ServerError(self.capabilities.lacks)

    def pause(self) -> None:
        """Raises ServerError: its processes are not ours to stop."""
        raise ServerError(self.capabilities.lacks)

    def resume(self) -> None:
        """It was never paused."""

    def cpu_s(self) -> float | None:
        """Its processes may be on another machine."""
        return None

    def restart(self) -> None:
        """Raises ServerError: it is not ours to restart."""
        raise ServerError(self.capabilities.lacks)


@dataclass(frozen=True, slots=True)
class GivenRuntime:
    """The server that a DSN names, for runs that leave nothing of theirs on it."""

    dsn: str
    guardian: Guardian
    name: str = "given"

    @contextmanager
    def open(self, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
        """The server, looked at and swept of what dead runs left; afterwards all that is ours is dropped.

        ``settings`` are ignored: its settings are not ours.

        Raises:
            ServerError: not reachable, not marked as disposable, too old, or the role may not create databases.
        """
        address = address_of(self.dsn)
        prefix = f"doorbuster_{secrets.token_hex(4)}_"
        with _Lease(address, self.name) as lease:
            server = lease.run(_admitted(lease.connection, address, prefix, self.name))
            lease.run(_take(lease.connection, prefix))
            for dead in lease.run(_abandoned(lease.connection)):
                lease.run(_drop_all(lease.connection, dead))
            self.guardian.watch_task(prefix, __name__, f"{prefix}\n{address.dsn()}")
            try:
                yield server
            finally:
                with suppress(*_PROBLEMS):
                    _privately(_drop_all_of(address, prefix), address)
                    self.guardian.forget_task(prefix)


class _Lease:
    """A connection that stays open as long as the run lasts, with an event loop of its own that need not run."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> "_Lease":
        try:
            self.connection = self.run(connect(self._address.dsn()))
        except _PROBLEMS as problem:
            self._close()
            raise _unreachable(self._address, problem, self._name) from problem
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.terminate()
        self._close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs ``work`` to its end."""
        return self._pool.submit(self._loop.run_until_complete, work).result()

    def _close(self) -> None:
        self._pool.submit(self._loop.close).result()
        self._pool.shutdown()


def _unreachable(address: Address, problem: BaseException, name: str) -> ServerError:
    cure = "; start it with 'docker compose up --detach --wait postgres'" if name == "compose" else ""
    reason = str(problem) or type(problem).__name__
    return ServerError(f"{address.shown()} cannot be reached: {reason}{cure}")


def _privately(work: Coroutine[Any, Any, T], address: Address) -> T:
    try:
        return run_privately(work)
    except _PROBLEMS as problem:
        raise _unreachable(address, problem, "") from problem


async def _admitted(connection: asyncpg.Connection, address: Address, prefix: str, name: str) -> GivenServer:
    """The server, if we may use it."""
    await _require_marker(connection, address)
    version = str(await connection.fetchval("show server_version")).split()[0]
    if int(await connection.fetchval("show server_version_num")) // 10000 < OLDEST:
        raise ServerError(f"{address.shown()} is PostgreSQL {version}; {OLDEST} is the oldest supported")
    if not await connection.fetchval(
        "select rolsuper or rolcreatedb from pg_roles where rolname = current_user"
    ):
        raise ServerError(f"{address.user} may not create databases there; alter role … createdb, or name a superuser")
    missing = await _why_no_log(connection)
    lacks = "a server that was given is not ours to crash or restart; --postgres embedded or docker can be"
    capabilities = ServerCapabilities(False, missing is None, f"{lacks}; {missing}" if missing else lacks)
    return GivenServer(address, version, capabilities, prefix, name)


async def _require_marker(connection: asyncpg.Connection, address: Address) -> None:
    if MARKER not in await _comment_on(connection):
        raise ServerError(
            f"{address.shown()} does not say that it is disposable, so nothing was done there. If losing everything on "
            f"this server would hurt nobody: doorbuster doctor --mark-disposable '{address.shown()}'"
        )


async def _why_no_log(connection: asyncpg.Connection) -> str | None:
    """Why the server's log can be no witness; found by trying, as rights differ from host to host."""
    level = await connection.fetchval("show wal_level")
    if level != "logical":
        return f"wal_level is {level}: set it to logical and restart the server"
    slot = f"doorbuster_probe_{secrets.token_hex(4)}"
    try:
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
        await connection.execute(f"set statement_timeout = '{PROBE_S:.0f}s'")
        await connection.fetchval("select pg_create_logical_replication_slot($1, 'test_decoding', true)", slot)
        await connection.execute("select pg_drop_replication_slot($1)", slot)
    except asyncpg.QueryCanceledError:
        return "some transaction on the server has been open for seconds, and a slot waits for all: end it"
    except asyncpg.PostgresError as problem:
        return f"logical decoding is not to be had ({problem}): it needs a superuser, a free slot and test_decoding"
    finally:
        await connection.execute("reset statement_timeout")
    return None


async def _comment_on(connection: asyncpg.Connection) -> str:
    query = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    return str(await connection.fetchval(query) or "")


async def _comment(address: Address) -> str:
    connection = await connect(address.dsn())
    try:
        return await _comment_on(connection)
    finally:
        await connection.close()


async def _mark(address: Address, wanted: bool) -> None:
    connection = await connect(address.dsn())
    try:
        without = (await _comment_on(connection)).replace(f"[{MARKER}]", "").strip()
        comment = f"{without} [{MARKER}]".strip() if wanted else without
        text = await connection.fetchval(
            "select format('comment on database %I is %L', current_database(), nullif($1::text, ''))", comment
        )
        await connection.execute(text)
    finally:
        await connection.close()


async def _take(connection: asyncpg.Connection, prefix: str) -> None:
    await connection.execute("select pg_advisory_lock($1, $2)", LOCK_CLASS, _number(prefix))


async def _abandoned(connection: asyncpg.Connection) -> list[str]:
    """Prefixes of databases here whose owner holds no lock any more."""
    rows = await connection.fetch("select datname from pg_database where datname ^@ 'doorbuster_'")
    prefixes = {match[0] for (name,) in rows if (match := PREFIX.match(name))}
    found = []
    for prefix in sorted(prefixes):
        if await connection.fetchval("select pg_try_advisory_lock($1, $2)", LOCK_CLASS, _number(prefix)):
            await connection.execute("select pg_advisory_unlock($1, $2)", LOCK_CLASS, _number(prefix))
            found.append(prefix)
    return found


def _number(prefix: str) -> int:
    """A prefix's number as a signed int4."""
    match = PREFIX.match(prefix)
    assert match is not None
    number = int(match[1], 16)
    return number - 2**32 if number >= 2**31 else number


async def _drop_all_of(address: Address, prefix: str) -> None:
    connection = await connect(address.dsn())
    try:
        await _drop_all(connection, prefix)
    finally:
        await connection.close()


async def _drop_all(connection: asyncpg.Connection, prefix: str) -> list[str]:
    """Drops every database, and with it the slots, whose name begins with ``prefix``; sessions there are ended."""
    rows = await connection.fetch("select datname from pg_database where datname ^@ $1", prefix)
    for (name,) in rows:
        await connection.execute(
            "select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where database = $1 and active",
            name,
        )
        quoted = name.replace('"', '""')
        await connection.execute(f'drop database if exists "{quoted}" with (force)')
    return [name for (name,) in rows]


def main() -> None:
    """Run by the guardian of a harness that died: prefix and DSN come on standard input, where nobody can see them."""
    prefix, dsn = sys.stdin.read().split("\n")[:2]
    if PREFIX.fullmatch(prefix):
        run_privately(_drop_all_of(address_of(dsn), prefix))


if __name__ == "__main__":
    main()
