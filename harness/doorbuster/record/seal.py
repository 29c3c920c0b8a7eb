"""Journals into Parquet."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from doorbuster.record.journal import whole_lines
from doorbuster.record.tables import JOURNALS


def seal_journals(folder: Path) -> None:
    """Turn every journal of ``folder`` into ``<table>.parquet`` and remove it; a table without a journal is empty.

    Safe to repeat, and for a run whose writer was killed: a torn last line is cut off.
    """
    with duckdb.connect() as connection:
        for table, columns in JOURNALS.items():
            parts = sorted(folder.glob(f"{table}.*.csv"))
            if not parts and (folder / f"{table}.parquet").exists():
                continue
            for part in parts:
                whole_lines(part)
            source = _read_csv(parts, columns) if any(p.stat().st_size for p in parts) else empty_table(columns)
            write_parquet(connection, source, folder / f"{table}.parquet")
            for part in parts:
                part.unlink()


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """The rows of ``query`` as ``target``: whole, or not at all."""
    temporary = target.with_suffix(".parquet.part")
    connection.execute(f"copy ({query}) to {quoted(temporary)} (format parquet, compression zstd)")
    temporary.replace(target)


def quoted(value: object) -> str:
    """An SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _read_csv(parts: list[Path], columns: Mapping[str, str]) -> str:
    types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in columns.items())
    files = ", ".join(quoted(p) for p in parts)
    return (
        f"select * from read_csv([{files}], columns = {{{types}}}, header = false, delim = ',', "
        f"quote = '\"', escape = '\"', nullstr = '', auto_detect = false, max_line_size = 1000000)"
    )


def empty_table(columns: Mapping[str, str]) -> str:
    """A query for no rows of ``columns``."""
    return "select " + ", ".join(f"null::{kind} as {name}" for name, kind in columns.items()) + " where false"
