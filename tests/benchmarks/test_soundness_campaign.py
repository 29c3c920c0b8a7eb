"""The campaign that looks for false alarms: what comes next, and what it counts."""

import argparse
from itertools import islice
from pathlib import Path

import pytest
from doorbuster.engine.power import Task
from doorbuster.engine.power_tasks import library_tasks, offer
from doorbuster.model.power import Fate, Trial

from benchmarks.soundness_campaign import following, runs, summary, with_buyers, write

OPTIONS = argparse.Namespace(chosen="quick", pressure=0, fsync=False)


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return library_tasks(offer("quick"), 0, ["row_lock_in_order", "advisory_lock"])


def trial(task: Task, fate: Fate = Fate.HELD) -> Trial:
    return Trial(task.name, task.kind, task.isolation, 5, fate, task.title, attempts=10)


def test_the_function_with_the_fewest_runs_comes_next_also_after_a_break(tasks: list[Task], tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    for task in islice(following(out, tasks), 2):
        write(out, trial(task), 8, OPTIONS)
    for task in islice(following(out, tasks), 2 * len(tasks) - 2):  # another sitting
        write(out, trial(task), 8, OPTIONS)
    done = [(run["variant"], run["isolation"]) for run in runs(out)]
    assert len(done) == 2 * len(tasks)
    assert all(done.count((task.name, task.isolation)) == 2 for task in tasks)


def test_a_false_alarm_is_counted_named_and_fails(
    tasks: list[Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs.jsonl"
    write(out, trial(tasks[0]), 8, OPTIONS)
    assert summary(out) == 0
    write(out, trial(tasks[1], Fate.FALSE_ALARM), 8, OPTIONS)
    write(out, trial(tasks[1], Fate.ERROR), 8, OPTIONS)
    assert summary(out) == 1
    told = capsys.readouterr().out
    assert "2 runs of 2 functions" in told  # an error judged nothing
    assert f"{tasks[1].name} at {tasks[1].isolation}, seed 5" in told


def test_every_load_gets_the_buyers(tasks: list[Task]) -> None:
    scenarios = [loaded.scenario for loaded in with_buyers(tasks[0], 64).scenarios]
    assert {s.workload.buyers for s in scenarios if s.workload} == {64}
    assert {s.stateful.buyers for s in scenarios if s.stateful} == {(2, 8)}
