"""The write-ahead log while it is written, one bounded stretch after the other.

It is read from a slot of its own, which moves on when a stretch is safe; the main slot, which the final reading needs
whole, is never touched. After a crash of the server the slot may send again what it sent before: that is dropped by its
place in the log.
"""

from collections.abc import Sequence
from pathlib import Path

import asyncpg

from doorbuster.record.catalogue import Table
from doorbuster.record.copy_out import copy_out
from doorbuster.record.database import database
from doorbuster.record.log_text import LogParts
from doorbuster.record.seal import quoted
from doorbuster.record.wal import PEEK

MOST_CHANGES = 20_000
SUFFIX = "_live"


class LiveLog:
    """The stretches of the log from ``slot`` on, each written to ``folder`` as the final log is."""

    def __init__(self, slot: str, tables: Sequence[Table], folder: Path) -> None:
        self._slot = slot
        self._tables = tables
        self._folder = folder
        self._read_to = self._read_before = "0/0"

    async def read(self, connection: asyncpg.Connection) -> str:
        """Peek the next stretch into a CSV file; the file's name. Parse it with :meth:`parse`, in a thread."""
        raw = self._folder / "stretch.csv"
        await copy_out(connection, PEEK, self._slot, MOST_CHANGES, path=raw)
        return str(raw)

    def parse(self, raw: str) -> int:
        """Turn what was peeked into ``commits.parquet`` and ``changes.parquet``; how many new commits there are."""
        if Path(raw).stat().st_size == 0:
            return 0
        stretch = LogParts(self._folder, self._tables)
        stretch.add(Path(raw))
        stretch.join()
        with database() as reader:
            path = quoted(self._folder / "commits.parquet")
            ((new, last),) = reader.execute(
                f"select count(*), arg_max(lsn, {place('lsn')}) from {path} where {place('lsn')} > {place('?')}",
                [self._read_to, self._read_to],
            ).fetchall()
        self._read_before, self._read_to = self._read_to, last or self._read_to
        return int(new)

    @property
    def read_before(self) -> str:
        """Up to where earlier stretches went: commits up to here are repeats."""
        return self._read_before

    async def move_on(self, connection: asyncpg.Connection) -> None:
        """Let the server forget the stretch that was parsed."""
        if self._read_to != "0/0":
            advance = "select pg_replication_slot_advance($1, $2::text::pg_lsn)"
            await connection.execute(advance, self._slot, self._read_to)


def place(lsn: str) -> str:
    """SQL that makes a number of a place in the log."""
    return f"(('0x' || split_part({lsn}, '/', 1))::ubigint * 4294967296 + ('0x' || split_part({lsn}, '/', 2))::ubigint)"
