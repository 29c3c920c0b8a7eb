"""A whole measurement of power: tasks spread over workers, each with a server and a Toxiproxy of its own."""

import multiprocessing
import queue
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from doorbuster.engine.failures import explain
from doorbuster.engine.house import Known, Tools, open_empty_house
from doorbuster.engine.power import Task, try_variant
from doorbuster.host.interrupts import interrupts
from doorbuster.model.events import Event, Preparing
from doorbuster.model.power import PowerResult, Trial

_POLL_S = 0.2
_GOING_S = 60.0


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """How to measure. ``folder`` takes what is recorded; ``keep`` keeps all of it, not only false alarms."""

    folder: Path
    seed: int
    times: int
    jobs: int
    command: str
    tools: Tools
    keep: bool = False


Tell = Callable[[Trial], None]


def measure(
    tasks: Sequence[Task], settings: PowerSettings, contract: str, scenarios: Sequence[str], tell: Tell,
    emit: Callable[[Event], None],
) -> PowerResult:  # fmt: skip
    """Try all ``tasks``; ``tell`` hears of each trial when it is over.

    Never raises for what happens to the harness: the result's ``error`` says so, with what was found until then. Raises
    KeyboardInterrupt only where no trial was over yet.
    """
    started, clock = datetime.now(UTC).astimezone(), time.monotonic()
    trials: list[Trial] = []
    known, error = Known(), None

    def hear(trial: Trial) -> None:
        trials.append(trial)
        tell(trial)

    try:
        if settings.jobs == 1 or len(tasks) == 1:
            _alone(tasks, settings, known, hear, emit)
        else:
            _together(tasks, settings, known, hear, emit)
    except BaseException as problem:
        error = explain(problem).message
        if not trials:
            raise
    order: dict[tuple[str, str, int], int] = {(task.name, task.isolation, task.seed): n for n, task in enumerate(tasks)}
    trials.sort(key=lambda trial: order[trial.name, trial.isolation, trial.seed])
    return PowerResult(
        settings.seed, settings.times, settings.command, started.isoformat(timespec="milliseconds"),
        round(time.monotonic() - clock, 3), contract, tuple(scenarios), tuple(trials), known.postgres, error,
    )  # fmt: skip


def _place(settings: PowerSettings, number: int, task: Task) -> Path:
    return settings.folder / f"{number:04d}-{task.name}"


def _alone(
    tasks: Sequence[Task], settings: PowerSettings, known: Known, hear: Tell, emit: Callable[[Event], None]
) -> None:
    with open_empty_house(settings.tools, known, emit) as house:
        emit(Preparing(f"{len(tasks)} trials"))
        for number, task in enumerate(tasks):
            hear(try_variant(house, task, _place(settings, number, task), settings.keep))


def _together(
    tasks: Sequence[Task], settings: PowerSettings, known: Known, hear: Tell, emit: Callable[[Event], None]
) -> None:
    """Workers are processes of their own: the judge keeps a core busy, and so does the scheduler of interleavings."""
    context = multiprocessing.get_context("spawn")
    asked, told = context.Queue(), context.Queue()
    for number, task in enumerate(tasks):
        asked.put((number, task))
    workers = [context.Process(target=_work, args=(asked, told, settings)) for _ in range(settings.jobs)]
    for worker in workers:
        asked.put(None)
        worker.start()
    emit(Preparing(f"{len(tasks)} trials by {len(workers)} workers"))
    try:
        _listen(len(tasks), workers, told, known, hear)
    except BaseException:
        for worker in workers:  # they clean up as on Ctrl-C
            worker.terminate()
        raise
    finally:
        asked.cancel_join_thread()  # tasks that nobody takes any more would hold up the end
        _dismiss(workers, told)


def _listen(wanted: int, workers: Sequence[BaseProcess], told: Any, known: Known, hear: Tell) -> None:
    """Until every trial is over; raises RuntimeError where a worker failed or died."""
    heard = 0
    while heard < wanted:
        try:
            message = told.get(timeout=_POLL_S)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError("the workers died; see what they printed") from None
            continue
        if isinstance(message, Trial):
            heard += 1
            hear(message)
        elif isinstance(message, dict):
            known.postgres.update(message)
        else:
            raise RuntimeError(str(message))


def _dismiss(workers: Sequence[BaseProcess], told: Any) -> None:
    """End the workers cleanly: they remove what they started. What they still say is heard, else they block."""
    deadline = time.monotonic() + _GOING_S
    for worker in workers:
        while worker.is_alive() and time.monotonic() < deadline:
            worker.join(_POLL_S)
            while not told.empty():
                told.get()
        if worker.is_alive():
            worker.kill()
            worker.join()


def _work(asked: Any, told: Any, settings: PowerSettings) -> None:
    """A worker: one house for all the tasks that it takes."""
    known = Known()
    try:
        with interrupts(), open_empty_house(settings.tools, known, lambda _: None) as house:
            told.put(dict(known.postgres))
            while (found := asked.get()) is not None:
                number, task = found
                told.put(try_variant(house, task, _place(settings, number, task), settings.keep))
    except KeyboardInterrupt:
        asked.cancel_join_thread()
    except BaseException as problem:
        told.put(f"a worker failed: {explain(problem).message}\n{traceback.format_exc()}")


def repeated(tasks: Sequence[Task], times: int, seed: int) -> list[Task]:
    """All of ``tasks``, then all of them again with the next seed, and so on."""
    return [replace(task, seed=seed + number) for number in range(times) for task in tasks]
