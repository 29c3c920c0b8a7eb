"""Every correct function through the quick set, again and again: is there ever a false alarm?

    python -m benchmarks.soundness_campaign --out FILE [--minutes 10] [--runs N] [--pressure N] [--fsync]
                                            [--isolation LEVEL]

Resumable: each run is a line of JSON that is added to FILE, and the function and level with the fewest runs there come
next. Each run has a seed and a number of buyers (2 to 64) of its own. ``--pressure`` keeps so many processes busy
beside it, ``--fsync`` lets the server wait for the disk. What a false alarm recorded is kept beside FILE. Prints how
many runs there are in FILE and how many of them were false alarms; exits 1 if any was.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

from doorbuster.config.scenario import LoadedScenario
from doorbuster.engine.house import Known, Tools, open_empty_house
from doorbuster.engine.power import Task, try_variant
from doorbuster.engine.power_tasks import library_tasks, offer
from doorbuster.host.interrupts import interrupts
from doorbuster.model.power import Fate, Trial, wilson

BUYERS = (2, 4, 8, 16, 32, 64)
MOST_IN_A_CROWD = 8
FSYNC = {"fsync": "on", "full_page_writes": "on"}


def main() -> int:
    """Run until the time or the number is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--set", default="quick", dest="chosen", choices=["quick", "gate", "full"])
    parser.add_argument("--pressure", type=int, default=0)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--isolation", help="only at this level")
    options = parser.parse_args()
    tasks = library_tasks(offer(options.chosen), 0, ["correct"])
    tasks = [task for task in tasks if options.isolation in (None, task.isolation)]
    if not tasks:
        parser.error(f"no correct function is tried at {options.isolation!r}")
    deadline = time.monotonic() + 60 * options.minutes
    with interrupts() as asked, pressure(options.pressure):
        try:
            with open_empty_house(Tools(), Known(), print, FSYNC if options.fsync else None) as house:
                for number, task in enumerate(following(options.out, tasks)):
                    if time.monotonic() > deadline or number == options.runs or asked.times:
                        break
                    buyers = BUYERS[SystemRandom().randrange(len(BUYERS))]
                    one = with_buyers(replace(task, seed=SystemRandom().randrange(2**31)), buyers)
                    trial = try_variant(house, one, options.out.parent / f"{options.out.stem}-{time.time_ns()}")
                    write(options.out, trial, buyers, options)
        except KeyboardInterrupt:
            pass
    return summary(options.out)


def with_buyers(task: Task, buyers: int) -> Task:
    """The task with so many buyers in every load, and up to eight of them in small crowds."""
    return replace(task, scenarios=tuple(_with_buyers(loaded, buyers) for loaded in task.scenarios))


def _with_buyers(loaded: LoadedScenario, buyers: int) -> LoadedScenario:
    scenario = loaded.scenario
    if scenario.workload is not None:
        scenario = replace(scenario, workload=replace(scenario.workload, buyers=buyers))
    if scenario.stateful is not None:
        crowd = (2, max(2, min(buyers, MOST_IN_A_CROWD)))
        scenario = replace(scenario, stateful=replace(scenario.stateful, buyers=crowd))
    return replace(loaded, scenario=scenario)


def following(out: Path, tasks: Sequence[Task]) -> Iterator[Task]:
    """Tasks without end: always one with the fewest runs so far."""
    while True:
        done = Counter((run["variant"], run["isolation"]) for run in runs(out))
        yield min(tasks, key=lambda task: done[task.name, task.isolation])


def runs(out: Path) -> list[dict[str, Any]]:
    """What was run so far."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def write(out: Path, trial: Trial, buyers: int, options: argparse.Namespace) -> None:
    """Add a run to the file, and say how it went."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "variant": trial.name, "isolation": trial.isolation,
        "seed": trial.seed, "set": options.chosen, "buyers": buyers, "pressure": options.pressure,
        "fsync": options.fsync, "fate": trial.fate, "convicted_by": trial.convicted_by, "seconds": trial.seconds,
        "attempts": trial.attempts, "problem": trial.problem, "cells": [asdict(cell) for cell in trial.cells],
    }  # fmt: skip
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"{trial.name} at {trial.isolation}, {buyers} buyers, seed {trial.seed}: {trial.fate} in {trial.seconds} s "
          f"{', '.join(trial.convicted_by)}{trial.problem[:300]}", flush=True)  # fmt: skip


def summary(out: Path) -> int:
    """Print the count; 1 if there was a false alarm."""
    found = runs(out)
    fates = Counter(run["fate"] for run in found)
    alarms = [run for run in found if run["fate"] == Fate.FALSE_ALARM]
    judged = len(found) - fates[Fate.ERROR]
    print(f"{judged} runs of {len({(r['variant'], r['isolation']) for r in found})} functions and levels, "
          f"{sum(run['attempts'] for run in found):,} attempts: {dict(fates)}")  # fmt: skip
    print(f"false alarms: {len(alarms)}; at most {wilson(len(alarms), judged).high:.2%} of runs (95 %)")
    for run in alarms:
        print(f"  {run['variant']} at {run['isolation']}, seed {run['seed']}: {', '.join(run['convicted_by'])}")
    return int(bool(alarms))


@contextmanager
def pressure(processes: int) -> Iterator[None]:
    """Keep so many processes busy for the length of a block."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, daemon=True) for _ in range(processes)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()


def _burn() -> None:
    while True:
        sum(range(10_000))


if __name__ == "__main__":
    sys.exit(main())
