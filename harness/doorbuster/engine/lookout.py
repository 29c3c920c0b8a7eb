"""A lookout over the server beside the orders: sessions that hold what they should have let go, and its deadlocks."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from doorbuster.drive import backstage
from doorbuster.drive.sql_buyer import Target
from doorbuster.host.clock import now_us
from doorbuster.model.server import Server
from doorbuster.postgres.connect import TROUBLE
from doorbuster.record.journal import Journal
from doorbuster.record.server_log import read_deadlocks, read_troubles

EVERY_S = 0.2
# First keys of the advisory locks that are ours: a gate inside a copy of the function is no leak of the shop's.
_OURS = (0x0D00B057, *range(0x0D00B100, 0x0D00B120))

_SESSIONS = """
select pid, backend_start, state_change, coalesce(state, '') as state, xact_start is not null as in_transaction,
       left(query, 300) as query
from pg_stat_activity
where """
_LOCKS = """
select pid, string_agg(distinct locktype || ' ' || mode, ', ') as locks
from pg_locks
where granted and mode <> 'SIReadLock' and locktype <> 'virtualxid' and pid = any($1::int[])
  and not (locktype = 'advisory' and classid::bigint = any($2::bigint[]))
group by pid"""


@dataclass(slots=True)
class _Seen:
    """A session that was idle from one look to the next, with what it held meanwhile."""

    at_us: int
    session: Mapping[str, Any]
    locks: str | None

    @property
    def leaks(self) -> bool:
        return bool(self.session["in_transaction"]) or self.locks is not None


@dataclass(slots=True)
class Lookout:
    """Looks at the buyers' sessions now and then, around the faults; :meth:`report` writes down what it saw.

    ``sessions`` is the condition over ``pg_stat_activity`` that tells which they are.
    """

    server: Server
    target: Target
    sessions: str
    _seen: dict[tuple[int, Any], _Seen] = field(default_factory=dict)
    _log_start: int = 0
    _task: "asyncio.Task[None] | None" = None

    def start(self) -> None:
        """Begin to look."""
        path = self.server.log_path
        self._log_start = path.stat().st_size if path is not None and path.exists() else 0
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def report(self, folder: Path, connection: asyncpg.Connection) -> None:
        """Write the tables; ``connection`` reaches the shop's database, when all its sessions are expected gone.

        Raises:
            asyncpg.PostgresError, OSError: the server is gone.
        """
        await self.stop()
        left = await _held(connection, await connection.fetch(_SESSIONS + self.sessions))
        # A backend reports its counts when it ends, which it may do a moment after it is gone from the list.
        await connection.execute("select pg_stat_clear_snapshot()")
        with Journal(folder, "sessions") as journal:
            for taken, sessions in (("open", self._seen.values()), ("left", left)):
                for seen in sessions:
                    s = seen.session
                    journal.append(
                        [taken, seen.at_us, s["pid"], s["state"], s["in_transaction"], seen.locks, s["query"]]
                    )
        with Journal(folder, "deadlocks") as journal:
            for waiting in read_deadlocks(self._log()):
                journal.append(
                    [waiting.deadlock, waiting.at_us, waiting.pid, waiting.is_victim, waiting.detail]
                )
        with Journal(folder, "server_log") as journal:
            for told in read_troubles(self._log()):
                journal.append([told.at_us, told.level, told.pid, told.text, told.times])
        counted = await connection.fetchval(
            "select deadlocks from pg_stat_database where datname = current_database()"
        )
        with Journal(folder, "counters") as journal:
            journal.append(["deadlocks", counted])

    def _log(self) -> str:
        path = self.server.log_path
        if path is None or not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    async def _watch(self) -> None:
        """Look again and again, over a connection that is made anew where the server was killed on purpose."""
        while True:
            with suppress(*TROUBLE):
                connection = await backstage.connect(self.target)
                try:
                    while True:
                        await self._look(connection)
                        await asyncio.sleep(EVERY_S)
                finally:
                    connection.terminate()
            await asyncio.sleep(EVERY_S)

    async def _look(self, connection: asyncpg.Connection) -> None:
        before = [s for s in await connection.fetch(_SESSIONS + self.sessions) if s["state"].startswith("idle")]
        held = await _held(connection, before)
        after = {_moment(s) for s in await connection.fetch(_SESSIONS + self.sessions)}
        for seen in held:
            known = self._seen.get(_identity(seen.session))
            # Idle all the time between the two looks, so what it held, it held while idle; a leak is not forgotten.
            if _moment(seen.session) in after and not (known and known.leaks):
                self._seen[_identity(seen.session)] = seen


async def _held(connection: asyncpg.Connection, sessions: "list[asyncpg.Record]") -> list[_Seen]:
    at_us = now_us()
    if not sessions:
        return []
    found = await connection.fetch(_LOCKS, [s["pid"] for s in sessions], list(_OURS))
    locks = {row["pid"]: row["locks"] for row in found}
    return [_Seen(at_us, session, locks.get(session["pid"])) for session in sessions]


def _identity(session: Mapping[str, Any]) -> tuple[int, Any]:
    return session["pid"], session["backend_start"]


def _moment(session: Mapping[str, Any]) -> tuple[Any, ...]:
    return session["pid"], session["backend_start"], session["state_change"], session["state"]
