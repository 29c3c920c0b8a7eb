"""Runs that last: the memory of an hour at 2,000 orders a second, and ten million attempts recorded, judged, reported.

    python -m benchmarks.long_run [--orders 7200000] [--attempts 10000000] [--folder DIR]

The hour goes through the real engine, its recorder, its live figures and Locust's statistics; only the server's answer
is made up, at once, so that the hour passes as fast as the harness can go. The ten million come from
``benchmarks/synthetic.py``, go through the recorder row by row, and are then sealed, judged and drawn as any run is.
Not part of ``make bench``: it takes a quarter of an hour and 15 GB of disk. ``--only long_run`` runs it.
"""

import argparse
import asyncio
import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
from doorbuster.config.contract import load_contract
from doorbuster.drive.load import engine
from doorbuster.drive.load.live import Done, LiveFigures
from doorbuster.drive.load.plan import Plan
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.judge.judge import judge_scenario
from doorbuster.model.events import RunFinished, RunStarted, ScenarioFinished
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.scenario import Policy, Scenario, Workload
from doorbuster.model.verdict import Verdict
from doorbuster.record.journal import Journal
from doorbuster.record.seal import seal_journals
from doorbuster.report.registry import ReportSettings, all_reports

from benchmarks.figure import Figure, figure
from benchmarks.memory import peak_mb
from benchmarks.synthetic import make_apart

CONTRACT = "scenarios/contracts/create_order_with_inventory.toml"
HOUR = 3600 * 2000
ATTEMPTS = 10_000_000
LIMIT_MB = 300.0
BATCH = 2000
_RECORDED = ("attempts", "requests", "request_lines")
NAME = "synthetic"


class _AnswersAtOnce:
    """A buyer whose every order succeeds."""

    backend_pid, is_dead = 4242, False

    async def connect(self) -> None:
        pass

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd:
        await asyncio.sleep(0)
        return AttemptEnd(Outcome.OK, str(attempt), backend_pid=4242)

    def close(self) -> None:
        pass


class _Make:
    def at(self, target: Target) -> _AnswersAtOnce:
        return _AnswersAtOnce()


def hour(folder: Path, orders: int) -> float:
    """Drive so many orders through the engine; the peak of this process's memory, in MB. It wants one of its own.

    What Locust would be given is counted as there, batch by batch.
    """
    from doorbuster.drive.load.locust_counts import count_in_locust
    from locust.stats import RequestStats

    stats, live, finished = RequestStats(), LiveFigures(), list[Done]()

    def done(one: Done) -> None:
        finished.append(one)
        if len(finished) >= BATCH:
            count_in_locust(stats, finished)
            live.add(finished)
            live.percentile_ms(99)
            finished.clear()
        if driver.done >= orders:
            driver.stop()

    contract = load_contract(resource(CONTRACT)).contract
    nowhere = Target("127.0.0.1", 1, "nobody", "", "nothing")
    workload = Workload(arrivals="closed", buyers=16, stock=1, products=1000, lines=(1, 3), think_s=0.0)
    plan = Plan(contract=contract, workload=workload, phases=(), target=nowhere, backstage=nowhere, seed=1,
                record=str(folder), drain_s=5.0)  # fmt: skip
    with patch.object(engine, "buyers_of", lambda *_, **__: _Make()):
        driver = engine.LoadEngine(plan, done)
        asyncio.run(driver.run())
    if stats.total.num_requests < orders - BATCH:
        raise RuntimeError(f"only {stats.total.num_requests} of {orders} orders were counted")
    return peak_mb()


def recorded(folder: Path, attempts: int) -> None:
    """A scenario's folder with about so many attempts, written by the recorder, sealed."""
    make_apart(folder, attempts, "changes")
    shutil.rmtree(folder / "spill", ignore_errors=True)
    with duckdb.connect(config={"memory_limit": "500MB", "temp_directory": str(folder / "spill")}) as db:
        for table in _RECORDED:
            source = folder / f"{table}.parquet"
            rows = db.execute(f"select * from '{source}'")
            with Journal(folder, table) as journal:
                while batch := rows.fetchmany(10_000):
                    for row in batch:
                        journal.append(row)
            source.unlink()
    seal_journals(folder)


def judged(folder: Path) -> ScenarioResult:
    """What the judge says of it."""
    scenario = Scenario(name=NAME, kind="load", description="Made up.", checks=Policy(require=("oversold",)),
                        thresholds=("p99 < 500ms",))  # fmt: skip
    contract = load_contract(resource(CONTRACT)).contract
    return judge_scenario(folder, contract, scenario, standard_checks(), {})


def reported(folder: Path, scenario: ScenarioResult) -> list[str]:
    """Draw every report of a run whose scenario lies in ``folder``; their names."""
    run = folder.parent
    result = RunResult(scenario.verdict, scenario.verdict.exit_code, 1, "2026-11-25T00:00:00+00:00", 1.0, "benchmark",
                       {}, {}, {"name": "create_order_with_inventory"}, (scenario,))  # fmt: skip
    with (run / "console.txt").open("w") as console:
        reports = all_reports(ReportSettings(texts=standard_checks(), stdout=console))
        for event in (
            RunStarted(run, "create_order_with_inventory", (NAME,), 1), ScenarioFinished(scenario),
            RunFinished(run, result),
        ):  # fmt: skip
            reports.on(event)
    return sorted(path.name for path in run.iterdir() if path.is_file())


def many(run: Path, attempts: int) -> dict[str, float]:
    """Record, judge and report; seconds of each, and the process's peak in MB. Call it in a process of its own."""
    folder, seconds = run / NAME, {}
    clock = time.monotonic()
    recorded(folder, attempts)
    seconds["record"], clock = time.monotonic() - clock, time.monotonic()
    scenario = judged(folder)
    seconds["judge"], clock = time.monotonic() - clock, time.monotonic()
    files = reported(folder, scenario)
    seconds["report"] = time.monotonic() - clock
    if scenario.verdict is not Verdict.PASS or not {"report.html", "result.json"} <= set(files):
        raise RuntimeError(f"{scenario.verdict}: {scenario.error or [c for c in scenario.checks if c.violations]}")
    return {**seconds, "attempts": float(scenario.attempts), "peak_mb": peak_mb()}


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of ``work`` in a new process, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def figures() -> list[Figure]:
    """The hour's memory beside its limit, and how long the many attempts take."""
    return measured(HOUR, ATTEMPTS)


def measured(orders: int, attempts: int, base: Path | None = None) -> list[Figure]:
    """The figures of runs of these sizes, in temporary folders below ``base``."""
    with tempfile.TemporaryDirectory(dir=base) as folder:
        peak = apart(hour, Path(folder), orders)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        told = apart(many, Path(folder), attempts)
    return [
        figure("load_hour_memory", peak, "MB", LIMIT_MB),
        figure("attempts_recorded_judged_reported", told["attempts"], "attempts"),
        *(figure(f"attempts_{what}", told[what], "s") for what in ("record", "judge", "report")),
        figure("attempts_peak_memory", told["peak_mb"], "MB"),
    ]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=HOUR)
    parser.add_argument("--attempts", type=int, default=ATTEMPTS)
    parser.add_argument("--folder", type=Path, help="where there is room")
    options = parser.parse_args()
    print(json.dumps(measured(options.orders, options.attempts, options.folder), indent=1))


if __name__ == "__main__":
    main()
