"""Journals into Parquet."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from doorbuster.model.clock import Clock
from doorbuster.record.clocks import load_clocks
from doorbuster.record.database import database
from doorbuster.record.journal import whole_lines
from doorbuster.record.tables import JOURNALS

# At its lowest level zstd makes it as small as at any, in half the time. The second version's encodings (differences of
# numbers, lengths apart from letters) are read a sixth faster, and log positions take a tenth of the room.
PARQUET = "format parquet, parquet_version v2, compression zstd, compression_level 1"
# Instants by what they are of. Due is among the first, so that a latency, counted from it, stays exactly as it was.
_BEGINS = ("due_us", "invoked_us", "started_us")
_ENDS = ("returned_us",)


def seal_journals(folder: Path) -> None:
    """Turn every journal of ``folder`` into ``<table>.parquet`` and remove it; a table without a journal is empty.

    Safe to repeat, and for a run whose writer was killed: a torn last line is cut off. Instants of a machine with
    another clock (``clocks.json``) become ours: what began never begins later for it, what ended never earlier.
    """
    clocks = load_clocks(folder)
    with database() as connection:
        for table, columns in JOURNALS.items():
            parts = sorted(folder.glob(f"{table}.*.csv"))
            if not parts and (folder / f"{table}.parquet").exists():
                continue
            for part in parts:
                whole_lines(part)
            full = [part for part in parts if part.stat().st_size]
            source = _all(full, columns, clocks) if full else empty_table(columns)
            write_parquet(connection, source, folder / f"{table}.parquet")
            for part in parts:
                part.unlink()


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """The rows of ``query`` as ``target``: whole, or not at all."""
    temporary = target.with_suffix(".parquet.part")
    connection.execute(f"copy ({query}) to {quoted(temporary)} ({PARQUET})")
    temporary.replace(target)


def quoted(value: object) -> str:
    """An SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _all(parts: list[Path], columns: Mapping[str, str], clocks: Mapping[str, Clock]) -> str:
    """The rows of all parts, on one clock."""
    ours = [part for part in parts if part.suffixes[0][1:] not in clocks]
    theirs = [part for part in parts if part not in ours]
    queries = [_read_csv(ours, columns)] if ours else []
    for part in theirs:
        clock = clocks[part.suffixes[0][1:]]
        moved = [f"{name} + {clock.early_us} as {name}" for name in columns if name in _BEGINS]
        moved += [f"{name} + {clock.late_us} as {name}" for name in columns if name in _ENDS]
        rows = _read_csv([part], columns)
        queries.append(f"select * replace ({', '.join(moved)}) from ({rows})" if moved else rows)
    return " union all ".join(queries)


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
