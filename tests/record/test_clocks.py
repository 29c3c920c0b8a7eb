"""Journals of a machine with another clock."""

from pathlib import Path

import duckdb
from doorbuster.model.clock import Clock
from doorbuster.record.clocks import save_clocks
from doorbuster.record.journal import Journal
from doorbuster.record.seal import seal_journals

BEGAN, ENDED, DUE = 1_000_000, 1_400_000, 900_000


def write(folder: Path, part: str) -> None:
    with Journal(folder, "attempts", part) as journal:
        journal.append([int(part), "k", 1, 0, "p", DUE, BEGAN, ENDED, 400_000, "ok", "7", None, None, 5])
    with Journal(folder, "requests", part) as journal:
        journal.append(["k", "c", "1", "valid", "p", DUE, BEGAN])


def test_only_the_other_machines_instants_move_and_an_interval_only_widens(tmp_path: Path) -> None:
    write(tmp_path, "0")
    write(tmp_path, "1")
    save_clocks(tmp_path, {1: Clock(offset_us=50_000, error_us=300)})
    seal_journals(tmp_path)
    with duckdb.connect() as connection:
        query = f"select due_us, invoked_us, returned_us from '{tmp_path}/attempts.parquet' order by attempt"
        ours, theirs = connection.execute(query).fetchall()
        started = connection.execute(f"select started_us from '{tmp_path}/requests.parquet' order by 1").fetchall()
    assert ours == (DUE, BEGAN, ENDED)
    assert theirs == (DUE + 49_700, BEGAN + 49_700, ENDED + 50_300)
    assert started == [(BEGAN,), (BEGAN + 49_700,)]
