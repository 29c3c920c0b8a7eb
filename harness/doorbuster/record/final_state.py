"""Where a server keeps no log for us: the state before the first buyer and that at the end, written as two commits.

What lay between nobody saw. So the judge takes from it only what the final state alone can prove wrong.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from doorbuster.host.clock import now_us
from doorbuster.record.catalogue import Column, Table
from doorbuster.record.database import database
from doorbuster.record.seal import quoted, write_parquet

# Stands where a commit's position would, and tells this apart from a log.
SNAPSHOT = "snapshot"
Rows = tuple[tuple[str, str], ...]


async def read_state(connection: asyncpg.Connection, tables: Sequence[Table]) -> Rows:
    """Every row of ``tables`` in one state of the database: the table's name, and the row as the log would print it.

    Raises:
        asyncpg.PostgresError, OSError: the server is gone, or does not let us read.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = [row for table in tables for row in await connection.fetch(_rows_of(table))]
    return tuple((row["relation"], row["data"]) for row in found)


def write_states(first: Rows, last: Rows, folder: Path) -> None:
    """Write ``commits.parquet`` and ``changes.parquet``: ``first`` was put on the shelves, then came ``last``."""
    was, remains = Counter(first), Counter(last)
    gone = [("DELETE", *row) for row in (was - remains).elements()]
    come = [("INSERT", *row) for row in (remains - was).elements()]
    changes = [(1, "INSERT", *row) for row in first] + [(2, *change) for change in gone + come]
    at_us = now_us()
    with database() as connection:
        connection.execute("create table changes (commit bigint, seq bigint, op text, relation text, data text)")
        if changes:
            numbered = [(commit, n, *change) for n, (commit, *change) in enumerate(changes, 1)]
            connection.executemany("insert into changes values (?, ?, ?, ?, ?)", numbered)
        write_parquet(
            connection, "select commit, seq, relation, op, data from changes order by seq", folder / "changes.parquet"
        )
        commits = " union all ".join(
            f"select {number}::bigint as commit, {quoted(SNAPSHOT)} as lsn, 0::bigint as xid, "
            f"{ts_us}::bigint as ts_us, null::bigint as attempt, {tag}::varchar as tag"
            for number, ts_us, tag in ((1, 0, "'stock'"), (2, at_us, "null"))
        )
        write_parquet(connection, commits, folder / "commits.parquet")


def _rows_of(table: Table) -> str:
    row = " || ' ' || ".join(_printed(column) for column in table.columns)
    return f"select {quoted(table.printed)}::text as relation, {row} as data from {table.printed}"


def _printed(column: Column) -> str:
    name = quoted(f"{column.printed}[{column.kind}]:")
    return f"{name} || coalesce('''' || replace({column.printed}::text, '''', '''''') || '''', 'null')"
