"""One real run with scarce goods, and answers lost and asked for again. Tests corrupt copies of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
from doorbuster.engine.loading import load_job
from doorbuster.engine.run import RunSettings, run
from doorbuster.engine.store import judge_stored, load_run
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.record.tables import TABLES

NAME = "recorded"
SCENARIO = f"""
name = "{NAME}"
kind = "load"
description = "Scarce goods, and answers that are lost."
[workload]
arrivals = "rate"
buyers = 8
products = 6
stock = 25
lines = [1, 2]
quantity = [1, 2]
[[phases]]
name = "steady"
duration_s = 2.5
rate = 60
[[faults]]
kind = "ack_lost"
start_s = 0.3
duration_s = 0.6
pulse_s = 0.1
every_s = 0.3
[checks]
require = ["conservation", "partial_order", "movements", "lost_order", "ghost_order", "wrong_amount"]
"""


def record(out: Path) -> Path:
    """Run the scenario and return the run's folder; it must have passed."""
    path = out / "recorded.toml"
    path.write_text(SCENARIO)
    settings = RunSettings(out=out / "runs", seed=3, command="test")
    result = run(load_job(None, [str(path)], "full"), settings, lambda _: None)
    assert result.verdict is Verdict.PASS, result
    return next((out / "runs").iterdir())


def corrupted(run_folder: Path, copy: Path, statements: Sequence[str]) -> ScenarioResult:
    """What the judge says of a copy of the run after ``statements`` have changed its tables."""
    shutil.copytree(run_folder, copy)
    folder = copy / NAME
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.execute(f"create table {table} as from '{folder / table}.parquet'")
        for statement in statements:
            for one in connection.extract_statements(statement):
                changed = connection.execute(one).fetchone()
                assert one.type is duckdb.StatementType.CREATE or changed != (0,), f"changed nothing: {one.query}"
        for table in TABLES:
            connection.execute(f"copy {table} to '{folder / table}.parquet' (format parquet)")
    return judge_stored(load_run(copy), NAME)

