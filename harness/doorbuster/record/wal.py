"""The write-ahead log as a witness: every committed transaction, in commit order, with its row changes.

Rules and the experiments behind them: docs/soundness.md. In short: the slot is made before the shelves are stocked; the
log is peeked, never consumed; a reading counts only if it holds the end marker; order is slot order, never timestamps.
"""

from collections.abc import Sequence
from pathlib import Path

import asyncpg
import duckdb

from doorbuster.record.catalogue import Table
from doorbuster.record.seal import empty_table, quoted, write_parquet
from doorbuster.record.tables import CHANGES, COMMITS

SLOT = "doorbuster"
PREFIX = "doorbuster"
ATTEMPT_TAG = "a"  # a<attempt> tags a buyer's transaction; h<word> one of the harness's own
END = "end"
_TRUNCATE = r"""^table (?:"(?:[^"]|"")*"|[^:"])+: TRUNCATE: [^']*$"""
PEEK = """
select n, lsn::text, xid::text, data
from pg_logical_slot_peek_changes($1, null, {most}, 'include-timestamp', 'on', 'include-xids', 'on')
     with ordinality as change (lsn, xid, data, n)
"""


class Unobservable(Exception):
    """The log could not be read whole; the message says why. What depends on it must not be called a pass."""


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


async def read_log(connection: asyncpg.Connection, slot: str, tables: Sequence[Table], folder: Path) -> None:
    """Write ``commits.parquet`` and ``changes.parquet``: all that committed since :func:`open_witness`.

    Raises:
        Unobservable: the end marker is missing, a table was truncated, or a change could not be told apart.
    """
    # A commit made without waiting for the flush is decoded only once the log is flushed: this one waits.
    async with connection.transaction():
        await connection.execute("set local synchronous_commit = on")
        await connection.execute(tag(END))
    await connection.execute("set timezone = 'UTC'")
    raw = folder / "log.csv"
    await connection.copy_from_query(PEEK.format(most="null"), slot, output=str(raw), format="csv", timeout=600)
    try:
        convert_log(raw, tables, folder)
    finally:
        raw.unlink(missing_ok=True)


def leave_no_log(folder: Path) -> None:
    """Write the two files without a row, where the log could not be read: the run says why, and can be judged."""
    with duckdb.connect() as connection:
        for name, columns in (("commits", COMMITS), ("changes", CHANGES)):
            write_parquet(connection, empty_table(columns), folder / f"{name}.parquet")


def convert_log(raw: Path, tables: Sequence[Table], folder: Path) -> None:
    """Turn the whole log as CSV (n, lsn, xid, data) into the two Parquet files.

    Raises:
        Unobservable: it is not whole, or holds what cannot be told apart.
    """
    with duckdb.connect() as connection:
        _write_log(connection, raw, tables, folder)
        _require(connection, folder)


def write_log(raw: Path, tables: Sequence[Table], folder: Path) -> None:
    """As :func:`convert_log`, for a stretch of the log that ends anywhere between two transactions."""
    with duckdb.connect() as connection:
        _write_log(connection, raw, tables, folder)


def _write_log(connection: duckdb.DuckDBPyConnection, raw: Path, tables: Sequence[Table], folder: Path) -> None:
    connection.execute("set TimeZone = 'UTC'")
    columns = "{'n': 'BIGINT', 'lsn': 'VARCHAR', 'xid': 'BIGINT', 'data': 'VARCHAR'}"
    connection.execute(f"""
        create table log as
        select *, count(*) filter (starts_with(data, 'BEGIN ')) over (order by n) as commit
        from read_csv({quoted(raw)}, columns = {columns}, header = false, delim = ',', quote = '"', escape = '"',
                      auto_detect = false, max_line_size = 200000000)""")
    _convert_commits(connection, folder)
    _convert_changes(connection, tables, folder)


def _convert_commits(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(rf"""
        create table commits as
        with ends as (
            select commit, lsn, xid, epoch_us(regexp_extract(data, '\(at (.*)\)$', 1)::timestamptz) as ts_us
            from log where starts_with(data, 'COMMIT ')
        ), tags as (
            select commit, min(regexp_extract(data, 'content:(.*)$', 1, 's')) as content
            from log where starts_with(data, 'message: transactional: 1 prefix: {PREFIX}, sz: ')
            group by commit
        )
        select ends.commit, lsn, xid, ts_us,
               case when starts_with(content, '{ATTEMPT_TAG}') then try_cast(content[2:] as bigint) end as attempt,
               case when starts_with(content, 'h') then content[2:] end as tag
        from ends left join tags using (commit) order by ends.commit""")
    write_parquet(connection, "select * from commits order by commit", folder / "commits.parquet")


def _convert_changes(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], folder: Path) -> None:
    connection.execute("create table relations (relation varchar, head varchar)")
    for table in tables:
        connection.execute("insert into relations values (?, ?)", [table.printed, f"table {table.printed}: "])
    query = r"""
        select commit, n as seq, relation, regexp_extract(data[length(head) + 1:], '^([A-Z]+): ?', 1) as op,
               regexp_replace(data[length(head) + 1:], '^[A-Z]+: ?', '') as data
        from log join relations on starts_with(data, head)
        order by n"""
    write_parquet(connection, query, folder / "changes.parquet")


def _require(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    if not _one(connection, f"select count(*) from commits where tag = {quoted(END)}"):
        raise Unobservable("the log was read, but does not hold the end marker: its last commits may be missing")
    if _one(connection, f"select count(*) from log where regexp_matches(data, {quoted(_TRUNCATE)})"):
        raise Unobservable("a table was truncated, and the log does not say which rows that removed")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
