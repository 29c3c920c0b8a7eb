"""DuckDB, which says nothing of its own: on a long statement it draws progress on stdout, among what we say there."""

from pathlib import Path

import duckdb


def database(memory_limit: str | None = None, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A new database in memory; what goes beyond ``memory_limit`` ("500MB") goes into the folder ``spill``."""
    limits = {"memory_limit": memory_limit, "temp_directory": None if spill is None else str(spill)}
    connection = duckdb.connect(config={name: value for name, value in limits.items() if value is not None})
    connection.execute("set enable_progress_bar = false")  # its cursors', too
    return connection
