"""A disposable shop for a person with Locust: open while Locust runs, judged when it leaves.

Locust lives under gevent, and a shop needs asyncio and processes of its own: so the shop is another process, which
hands over the path of a plan, stays open until its standard input closes, and then judges.
"""

import asyncio
import atexit
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from doorbuster.drive.load.plan import write_plan
from doorbuster.drive.workload import shelf
from doorbuster.engine.failures import explain
from doorbuster.engine.house import House, Known, Tools, open_house
from doorbuster.engine.links import open_links
from doorbuster.engine.load import load_plan, workload_of
from doorbuster.engine.loading import Job, load_job
from doorbuster.engine.shop import open_shop as opened
from doorbuster.engine.store import facts, judge_stored, load_run, new_run_folder, save_texts
from doorbuster.host.clock import now_us
from doorbuster.model.events import Event, Judging, RunFinished, ScenarioFinished
from doorbuster.model.result import RunResult
from doorbuster.record.seal import seal_journals
from doorbuster.report.registry import ReportSettings, all_reports

SCENARIO = "by_hand"
CONTRACT_VARIABLE = "DOORBUSTER_CONTRACT"
OUT_VARIABLE = "DOORBUSTER_OUT"
CLOSING_S = 60


def open_shop() -> Path:
    """Start the shop's process, for Locust; the path of its plan. The shop closes and is judged when we exit.

    Raises:
        SystemExit: it did not open; it has said why.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "doorbuster.engine.by_hand"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    path = process.stdout.readline().decode().strip()
    if not path:
        raise SystemExit(process.wait() or 3)
    atexit.register(_close, process)
    return Path(path)


def _close(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=CLOSING_S)


def main() -> int:
    """The shop's process: everything a person is to read goes to stderr, as stdout carries the plan's path."""
    try:
        return _run().exit_code
    except BaseException as problem:
        failure = explain(problem)
        sys.stderr.write(f"doorbuster: {failure.message}\n{failure.details}")
        return failure.exit_code


def _run() -> RunResult:
    named = os.environ.get(CONTRACT_VARIABLE)
    job = load_job(Path(named) if named else None, [SCENARIO], "full")
    folder = new_run_folder(Path(os.environ.get(OUT_VARIABLE, "reports")), SCENARIO, datetime.now(UTC).astimezone())
    save_texts(folder, job)
    reports = all_reports(ReportSettings(texts=job.checks, stdout=sys.stderr))
    return _serve(job, folder, random.SystemRandom().randrange(2**31), reports.on)


def _serve(job: Job, folder: Path, seed: int, emit: Callable[[Event], None]) -> RunResult:
    started, clock, known = datetime.now(UTC).astimezone(), time.monotonic(), Known()
    known.contract.update(name=job.contract.contract.name, function_sha256="")
    with open_house(job.contract, Tools(), known, lambda _: None) as house:
        asyncio.run(_open_until_left(house, job, folder / SCENARIO, seed, emit))
    scenario = judge_stored(load_run(folder), SCENARIO)
    emit(ScenarioFinished(scenario))
    result = RunResult(
        scenario.verdict, scenario.verdict.exit_code, seed, started.isoformat(timespec="milliseconds"),
        time.monotonic() - clock, "locust -f scenarios/locustfile.py", known.postgres, known.toxiproxy, known.contract,
        (scenario,), notices=tuple(known.notices),
    )  # fmt: skip
    emit(RunFinished(folder, result))
    return result


async def _open_until_left(house: House, job: Job, folder: Path, seed: int, emit: Callable[[Event], None]) -> None:
    contract, scenario = job.contract.contract, job.scenarios[0].scenario
    folder.mkdir()
    started = time.monotonic()
    items = shelf(contract, workload_of(scenario))
    async with opened(house.server, house.template, "shop_by_hand", contract, items) as shop:
        with facts(folder, seed) as known:
            known["start_us"] = now_us()
            async with open_links(house.toxiproxy, house.guardian, shop.direct, contract, "by_hand", folder) as links:
                path = house.scratch / "by_hand.plan.json"
                write_plan(load_plan(shop, links.entrance, contract, scenario, seed, folder), path)
                print(path, flush=True)
                await asyncio.to_thread(sys.stdin.read)
            emit(Judging(SCENARIO))
            known["unobservable"] = await shop.close_and_read(folder)
            seal_journals(folder)
            known["duration_s"] = time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
