"""What the slot prints, turned into the tables of a stored run, chunk by chunk, so that memory does not bound a run."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from doorbuster.record.catalogue import Table
from doorbuster.record.database import database
from doorbuster.record.seal import empty_table, quoted, write_parquet
from doorbuster.record.tables import CHANGES, COMMITS

PREFIX = "doorbuster"
ATTEMPT_TAG = "a"  # a<attempt> tags a buyer's transaction; h<word> one of the harness's own
END = "end"
_TRUNCATE = r"""^table (?:"(?:[^"]|"")*"|[^:"])+: TRUNCATE: [^']*$"""
# As the slot is read: the row's number, the position as the log prints it and as a number, the transaction, the text.
_COLUMNS = "{'n': 'BIGINT', 'lsn': 'VARCHAR', 'position': 'BIGINT', 'xid': 'BIGINT', 'data': 'VARCHAR'}"
_MEMORY = "512MiB"


class Unobservable(Exception):
    """The log could not be read whole; the message says why. What depends on it must not be called a pass."""


class LogParts:
    """The log in parts, each a chunk of whole transactions; :meth:`join` makes the run's two tables of them."""

    def __init__(self, folder: Path, tables: Sequence[Table]) -> None:
        self._folder = folder
        self._tables = tables
        self._parts = 0
        self._commits = 0
        self._rows = 0
        self._truncated = False
        self.position = 0
        self.has_end = False

    def add(self, raw: Path) -> int:
        """Add the chunk in ``raw``, CSV of the slot's rows; how many rows there were.

        Transactions that an earlier chunk held are dropped by their position: after a crash a slot may begin again
        before what it was told is safe.
        """
        with database(_MEMORY, self._folder / "spill") as db:
            db.execute("set TimeZone = 'UTC'")
            db.execute(f"""
                create table log as select * from read_csv({quoted(raw)}, columns = {_COLUMNS}, header = false,
                    delim = ',', quote = '"', escape = '"', auto_detect = false, max_line_size = 200000000)""")
            # All rows of a transaction carry its xid, its subtransactions' too, and none comes twice in a chunk.
            db.execute(rf"""
                create table ends as
                select {self._commits} + row_number() over (order by n) as commit, lsn, position, xid,
                       epoch_us(regexp_extract(data, '\(at (.*)\)$', 1)::timestamptz) as ts_us
                from log where starts_with(data, 'COMMIT ') and position > {self.position}""")
            self._write_commits(db)
            self._write_changes(db)
            return self._take_note(db)

    def join(self) -> None:
        """Write ``commits.parquet`` and ``changes.parquet``."""
        with database(_MEMORY, self._folder / "spill") as db:
            for name, columns in (("commits", COMMITS), ("changes", CHANGES)):
                parts = [self._part(name, number) for number in range(self._parts)]
                named = ", ".join(quoted(part) for part in parts)
                query = f"from read_parquet([{named}])" if parts else empty_table(columns)
                write_parquet(db, query, self._folder / f"{name}.parquet")
                for part in parts:
                    part.unlink()

    def require_whole(self) -> None:
        """Raises Unobservable: the end marker is missing, or a table was truncated."""
        if not self.has_end:
            raise Unobservable("the log was read, but does not hold the end marker: its last commits may be missing")
        if self._truncated:
            raise Unobservable("a table was truncated, and the log does not say which rows that removed")

    def _part(self, name: str, number: int) -> Path:
        return self._folder / f"{name}.part{number}.parquet"

    def _write_commits(self, db: duckdb.DuckDBPyConnection) -> None:
        db.execute(rf"""
            create table commits as
            with tags as (
                select xid, min(regexp_extract(data, 'content:(.*)$', 1, 's')) as content
                from log where starts_with(data, 'message: transactional: 1 prefix: {PREFIX}, sz: ')
                group by xid
            )
            select commit, lsn, xid, ts_us,
                   case when starts_with(content, '{ATTEMPT_TAG}') then try_cast(content[2:] as bigint) end as attempt,
                   case when starts_with(content, 'h') then content[2:] end as tag
            from ends left join tags using (xid) order by commit""")
        write_parquet(db, "from commits order by commit", self._part("commits", self._parts))

    def _write_changes(self, db: duckdb.DuckDBPyConnection) -> None:
        db.execute("create table relations (relation varchar, head varchar)")
        for table in self._tables:
            db.execute("insert into relations values (?, ?)", [table.printed, f"table {table.printed}: "])
        query = rf"""
            select commit, {self._rows} + n as seq, relation,
                   regexp_extract(data[length(head) + 1:], '^([A-Z]+): ?', 1) as op,
                   regexp_replace(data[length(head) + 1:], '^[A-Z]+: ?', '') as data
            from log join ends using (xid) join relations on starts_with(data, head)
            order by n"""
        write_parquet(db, query, self._part("changes", self._parts))

    def _take_note(self, db: duckdb.DuckDBPyConnection) -> int:
        rows, commits, position = _row(db, "select (select count(*) from log), count(*), max(position) from ends")
        self._truncated = self._truncated or bool(
            _row(db, f"select count(*) from log where regexp_matches(data, {quoted(_TRUNCATE)})")[0]
        )
        self.has_end = self.has_end or bool(_row(db, f"select count(*) from commits where tag = {quoted(END)}")[0])
        self._parts += 1
        self._rows += rows
        self._commits += commits
        self.position = position or self.position
        return rows


def leave_no_log(folder: Path) -> None:
    """Write the two files without a row, where the log could not be read: the run says why, and can be judged."""
    with database() as connection:
        for name, columns in (("commits", COMMITS), ("changes", CHANGES)):
            write_parquet(connection, empty_table(columns), folder / f"{name}.parquet")


def _row(db: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = db.execute(query).fetchone()
    assert row is not None
    return tuple(row)
