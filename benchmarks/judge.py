"""How fast the judge is, on stored runs made by benchmarks/synthetic.py, and Porcupine beside it.

judge_attempts_per_s_1m and judge_seconds_10m: all checks over so many attempts with their commits, from the events of
the log to the verdicts, canonical tables included, each in a process of its own; judge_peak_mb_10m is its peak.
judge_10m_over_1m: how many times as long ten million take. judge_whole_run_s_100k: a stored run of 100,000 attempts
judged as ``doorbuster recheck`` does, from the log's text to the verdict. porcupine_attempts_per_s_N: an independent
checker of linearizability on one history of N attempts; judge_attempts_per_s_N: the judge on the same, beside it.

    python -m benchmarks.judge ATTEMPTS      one size, in this process
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from doorbuster.config.contract import load_contract
from doorbuster.config.toml_file import validated
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.host.resources import resource as packaged
from doorbuster.judge.checks import Ground, run_checks, standard_checks
from doorbuster.judge.judge import judge_scenario
from doorbuster.judge.views import (
    EVENTS,
    THRESHOLDS,
    blind_spots,
    create_canonical,
    fits_in_memory,
    has_mappings,
    open_run,
)
from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.contract import Contract
from doorbuster.model.scenario import Policy, Scenario
from doorbuster.network.binary import wheel_go
from doorbuster.record.seal import quoted

from benchmarks.figure import Figure, figure
from benchmarks.memory import peak_mb
from benchmarks.synthetic import (
    PLENTY,
    PLENTY_UNITS,
    SCARCE_UNITS,
    make_apart,
    write_changes,
    write_events,
    write_history,
    write_no_changes,
)

MILLION = 1_000_000
BESIDE_PORCUPINE = (1000, 4000, 10_000)
PEER = Path(__file__).parent.parent / "tests" / "peers" / "porcupine"
PEER_S = 120


def figures() -> list[Figure]:
    """All figures of the judge."""
    one, ten = _in_a_process(MILLION), _in_a_process(10 * MILLION)
    return [
        figure("judge_attempts_per_s_1m", round(one["attempts"] / one["seconds"]), "attempts/s", MILLION),
        figure("judge_peak_mb_1m", one["peak_mb"], "MB", 2048),
        figure("judge_seconds_10m", ten["seconds"], "s", 12),
        figure("judge_peak_mb_10m", ten["peak_mb"], "MB", 2048),
        figure("judge_10m_over_1m", round(ten["seconds"] / one["seconds"], 1), "×", 12),
        figure("judge_whole_run_s_100k", _whole_run_s(100_000), "s"),
        *_beside_porcupine(),
    ]


def contract() -> Contract:
    """The shop whose runs benchmarks/synthetic.py makes."""
    return load_contract(packaged(DEFAULT_CONTRACT)).contract


def judged(connection: duckdb.DuckDBPyConnection, events: Path) -> list[CheckResult]:
    """Load the events in ``events`` into an opened run, and run every check that rests on the log."""
    for table in EVENTS:
        connection.execute(f"create table {table} as from read_parquet({quoted(events / f'{table}.parquet')})")
    return checked(connection, contract())


def checked(connection: duckdb.DuckDBPyConnection, shop: Contract) -> list[CheckResult]:
    """From the events to the results of the checks."""
    create_canonical(connection, shop, ["deadlock"])
    connection.execute(THRESHOLDS)
    ground = Ground(has_mappings(shop), blind_spots(connection))
    return run_checks(connection, standard_checks().values(), Policy(require=(), off=(), warn=()), ground)


def measure(attempts: int) -> dict[str, Any]:
    """Make a run of this size and judge it; raises RuntimeError where something does not hold."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "run"
        make_apart(folder, attempts, "events")
        with open_run(folder) as connection:
            for table in EVENTS:
                path = folder / "events" / f"{table}.parquet"
                kind = "table" if fits_in_memory(connection, path) else "view"
                connection.execute(f"create {kind} {table} as from read_parquet({quoted(path)})")
            shop = contract()
            began = time.monotonic()
            results = checked(connection, shop)
            seconds = time.monotonic() - began
            number = connection.execute("select count(*) from attempts").fetchone()
    if broken := [r.name for r in results if r.status in (CheckStatus.VIOLATED, CheckStatus.UNOBSERVABLE)]:
        raise RuntimeError(f"checks that do not hold: {', '.join(broken)}")
    return {"attempts": number[0] if number else 0, "seconds": round(seconds, 2), "peak_mb": round(peak_mb())}


def _in_a_process(attempts: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.judge", str(attempts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{attempts} attempts: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def _whole_run_s(attempts: int) -> float:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "run"
        write_history(folder, attempts)
        write_changes(folder)
        content = {"name": "synthetic", "kind": "load", "description": "A benchmark."}
        scenario = validated(Scenario, content, Path("synthetic.toml"))
        began = time.monotonic()
        result = judge_scenario(folder, contract(), scenario, standard_checks(), {})
        seconds = time.monotonic() - began
    if result.error or any(check.violations for check in result.checks):
        raise RuntimeError(f"the stored run does not pass: {result.error}")
    return round(seconds, 2)


def _beside_porcupine() -> list[Figure]:
    """The peer and the judge on the same histories; nothing where there is no Go."""
    wheel = wheel_go()
    go = shutil.which("go") or (str(wheel[0]) if wheel else None)
    if go is None:
        return []
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if wheel and go == str(wheel[0]):
        environment["GOROOT"] = str(wheel[1])
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as made:
        program = Path(made) / "peer"
        subprocess.run([go, "build", "-o", str(program), "."], cwd=PEER, env=environment, check=True, timeout=300)
        for attempts in BESIDE_PORCUPINE:
            folder = Path(made) / str(attempts)
            write_history(folder, attempts)
            write_events(folder)
            write_no_changes(folder)
            theirs = _porcupine_s(program, folder)
            with open_run(folder) as connection:
                began = time.monotonic()
                judged(connection, folder / "events")
                ours = time.monotonic() - began
            rate = None if theirs is None else round(attempts / theirs)
            if rate is not None:
                found.append(figure(f"porcupine_attempts_per_s_{attempts}", rate, "attempts/s"))
            found.append(figure(f"judge_attempts_per_s_{attempts}", round(attempts / ours), "attempts/s", rate))
    return found


def _porcupine_s(program: Path, folder: Path) -> float | None:
    """How long the peer takes for the history in ``folder``; None where it does not finish."""
    line = json.dumps(as_seen_by_porcupine(folder))
    began = time.monotonic()
    try:
        done = subprocess.run([program], input=line, capture_output=True, text=True, timeout=PEER_S, check=True)
    except subprocess.TimeoutExpired:
        return None
    if done.stdout.strip() != "Ok":
        raise RuntimeError(f"Porcupine takes a good history for {done.stdout.strip()}")
    return time.monotonic() - began


def as_seen_by_porcupine(folder: Path) -> dict[str, Any]:
    """A made history as tests/peers/porcupine reads it: an order acts between its commit and its answer."""
    with duckdb.connect(str(folder / "making.duckdb"), read_only=True) as db:
        last = db.execute("select 2 * max(ts_us) + 1000000 from tx").fetchall()[0][0]
        carts: dict[int, dict[str, int]] = {}
        for number, product in db.execute("select i, product from item").fetchall():
            carts.setdefault(number, {})[str(product)] = 1
        operations: list[dict[str, Any]] = []
        for number, ts_us, before_us, after_us, sold_out, lost in db.execute(
            "select i, ts_us, before_us, after_us, is_sold_out, is_lost from deal"
        ).fetchall():
            asked = {"key": f"k{number}", "cart": carts[number]}
            end = last if lost else 2 * (ts_us + after_us)
            if sold_out:
                told = {"kind": "told", "call": 2 * (ts_us - before_us), "return": end, "outcome": "sold_out"}
                operations.append({**told, **asked})
                continue
            outcome = "unknown" if lost else "ok"
            operations.append(
                {"kind": "order", "call": 2 * ts_us, "return": end, "outcome": outcome, "made": number + 1, **asked}
            )
            if lost:
                again = {"kind": "told", "call": 2 * (ts_us + 9000), "return": 2 * (ts_us + 11000), "outcome": "ok"}
                operations.append({**again, "order_id": number + 1, **asked})
        products = [product for (product,) in db.execute("select distinct product from item").fetchall()]
        stock = {str(product): SCARCE_UNITS if product >= PLENTY else PLENTY_UNITS for product in products}
    return {"stock": stock, "operations": operations}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
