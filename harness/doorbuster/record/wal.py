"""The write-ahead log as a witness: every committed transaction, in commit order, with its row changes.

The rules: docs/checks.md and docs/two-witnesses.md. In short: the slot is made before the shelves are stocked;
what is read is peeked, and the slot is told that it may forget a chunk only when that chunk is in Parquet; a reading
counts only if it holds the end marker; order is slot order, never timestamps.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from doorbuster.record.catalogue import Table
from doorbuster.record.copy_out import copy_out
from doorbuster.record.log_text import END, PREFIX, LogParts

# Rows of the slot in one chunk, some ten an order: it ends with the transaction in which it gets that long. Each chunk
# is decoded from the last point at which the server knew all running transactions, so many small ones would cost more.
CHUNK_ROWS = 1_000_000
PEEK = """
select n, lsn::text, (lsn - '0/0')::bigint, xid::text, data
from pg_logical_slot_peek_changes($1, null, $2, 'include-timestamp', 'on', 'include-xids', 'on')
     with ordinality as change (lsn, xid, data, n)
"""
_FORGET = "select pg_replication_slot_advance($1, '0/0'::pg_lsn + $2::bigint::numeric)"
# A slot keeps the log from the last point at which it knew all running transactions; left alone the server notes such a
# point every 15 seconds.
_NOTE_RUNNING = """
do $$ begin perform pg_log_standby_snapshot(); exception when undefined_function or insufficient_privilege then end $$
"""
_HELD = """
select coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint
from pg_replication_slots where slot_name = $1
"""


def tag(word: str) -> str:
    """SQL that tags the current transaction as the harness's own; ``word`` is one of ours, never a user's."""
    return f"select pg_logical_emit_message(true, '{PREFIX}', 'h{word}')"


async def open_witness(connection: asyncpg.Connection, tables: Sequence[Table], *slots: str) -> None:
    """Make the slots in the connection's database, and have every row of ``tables`` told to them.

    Call it before any buyer starts: making a slot waits for every open transaction of the whole cluster. Rows that
    the schema's files put there are touched once, without their triggers, so that the log tells their state too.
    """
    for table in tables:
        await connection.execute(f"alter table {table.printed} replica identity full")
    for slot in slots:
        await connection.execute("select pg_create_logical_replication_slot($1, 'test_decoding')", slot)
    async with connection.transaction():
        await connection.execute(tag("initial"))
        await connection.execute("set local session_replication_role = replica")
        for table in tables:
            first = next((c for c in table.columns if c.writable), None)
            if first is not None:
                await connection.execute(f"update {table.printed} set {first.printed} = {first.printed}")


class LogReader:
    """Reads one slot into ``folder``, chunk by chunk; not for two readers at once.

    The rows of a chunk go to a file, then to Parquet; only then is the slot told to forget them. A server that is
    killed in between sends them again, and :class:`LogParts` drops what it has. So nothing is lost or doubled, and
    neither this process's memory nor what the slot holds back grows with the run.
    """

    def __init__(self, slot: str, tables: Sequence[Table], folder: Path) -> None:
        self._slot = slot
        self._raw = folder / "log.csv"
        self._parts = LogParts(folder, tables)

    async def held_bytes(self, connection: asyncpg.Connection) -> int:
        """How much log the slot keeps the server from throwing away."""
        return int(await connection.fetchval(_HELD, self._slot) or 0)

    async def read_chunk(self, connection: asyncpg.Connection, most: int = CHUNK_ROWS) -> int:
        """Read a chunk, and let the slot forget it; how many rows it had.

        Raises:
            asyncpg.PostgresError, OSError: the server is gone, or its log; what was read before stays.
        """
        await connection.execute(_NOTE_RUNNING)
        rows = await self._add(connection, most)
        if rows:
            await connection.execute(_FORGET, self._slot, self._parts.position)
        return rows

    async def finish(self, connection: asyncpg.Connection, most: int = CHUNK_ROWS) -> None:
        """Read the rest, and write ``commits.parquet`` and ``changes.parquet``: all since :func:`open_witness`.

        Raises:
            Unobservable: the end marker is missing, or a table was truncated; the files are written all the same.
        """
        # A commit made without waiting for the flush is decoded only once the log is flushed: this one waits.
        async with connection.transaction():
            await connection.execute("set local synchronous_commit = on")
            await connection.execute(tag(END))
        while not self._parts.has_end:
            rows = await self._add(connection, most)
            if not rows:
                break
            if not self._parts.has_end:
                await connection.execute(_FORGET, self._slot, self._parts.position)
        await asyncio.to_thread(self._parts.join)
        self._parts.require_whole()

    async def _add(self, connection: asyncpg.Connection, most: int) -> int:
        await connection.execute("set timezone = 'UTC'")
        try:
            await copy_out(connection, PEEK, self._slot, most, path=self._raw)
            return await asyncio.to_thread(self._parts.add, self._raw)
        finally:
            self._raw.unlink(missing_ok=True)
