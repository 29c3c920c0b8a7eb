"""Puts variants to the test, one after the other, each until the first conviction that counts."""

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from doorbuster.config.contract import LoadedContract
from doorbuster.config.scenario import LoadedScenario
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.engine.failures import explain
from doorbuster.engine.first_order import place_first_order, unusable
from doorbuster.engine.house import House, Known, deploy
from doorbuster.engine.kinds import KINDS
from doorbuster.engine.loading import Job
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import judge_stored, load_run, save_texts
from doorbuster.host.interrupts import run_interruptibly
from doorbuster.model.check import CheckStatus, CheckText
from doorbuster.model.interleave import Interleave, Isolation
from doorbuster.model.power import Cell, Fate, Trial, VariantKind
from doorbuster.model.result import ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import DeployError

# What a scenario costs, roughly, the cheapest first; a set is tried in this order.
_COST = ("stateful", "crowds", "interleave", "burst", "cut", "crash", "load", "crash under load")
_EXAMPLE_CHARACTERS = 400
_FIRST_SCHEDULES = 25  # a crowd


@dataclass(frozen=True, slots=True)
class Task:
    """A variant to be tried, at one isolation level, with one seed.

    ``scenarios`` are tried in order. ``stops_at`` are the checks that convict and end the trial; with ``whole`` nothing
    ends it, and every scenario runs. ``suffice`` are the scenarios of a broken one's header: convicted elsewhere only,
    the header lies. ``operator``, ``diff`` and ``argument`` are a mutant's. ``left_out`` says which scenarios
    its shop's buyers cannot play, and why.
    """

    name: str
    kind: VariantKind
    title: str
    contract: LoadedContract
    isolation: Isolation
    seed: int
    scenarios: tuple[LoadedScenario, ...]
    checks: dict[str, CheckText] = field(repr=False)
    stops_at: frozenset[str] = frozenset()
    whole: bool = False
    suffice: frozenset[str] = frozenset()
    operator: str = ""
    diff: str = ""
    argument: str = ""
    left_out: tuple[str, ...] = ()


def correctness(checks: Mapping[str, CheckText]) -> frozenset[str]:
    """All checks but thresholds: being slow convicts nobody of being wrong, least of all on a busy machine."""
    return frozenset(name for name, check in checks.items() if not check.is_threshold)


def cheapest_first(scenarios: Iterable[LoadedScenario]) -> list[LoadedScenario]:
    """In the order of what they cost; those that cost the same in the order given."""
    return sorted(scenarios, key=lambda loaded: _COST.index(_sort(loaded.scenario)))


def _sort(scenario: Scenario) -> str:
    if scenario.kind == "load" and scenario.workload is not None and scenario.workload.arrivals == "burst":
        return "burst"
    if scenario.kind == "crash" and scenario.crash is not None and scenario.crash.at == "load":
        return "crash under load"
    if scenario.kind == "stateful" and scenario.stateful is not None and not scenario.stateful.examples:
        return "crowds"
    return scenario.kind


def try_variant(house: House, task: Task, folder: Path, keep: bool = False) -> Trial:
    """Try one variant in a house without a template; what was recorded lies in ``folder``, if it is to be kept.

    Raises:
        KeyboardInterrupt: somebody asked to end.
    """
    began = time.monotonic()
    trial = Trial(
        task.name, task.kind, task.isolation, task.seed, Fate.ERROR, task.title,
        expected=tuple(sorted(task.stops_at)) if task.kind == "broken" else (), operator=task.operator,
        diff=task.diff, argument=task.argument,
    )  # fmt: skip
    if task.argument and not task.whole:
        return replace(trial, fate=Fate.EQUIVALENT)
    if not task.scenarios:
        return replace(trial, fate=Fate.NOT_ASKED, problem="; ".join(task.left_out))
    folder.mkdir(parents=True)
    try:
        trial = _tried(house, task, trial, folder, began)
    except KeyboardInterrupt:
        raise
    except DeployError as problem:
        trial = replace(trial, fate=_discarded(task, Fate.UNDEPLOYED), problem=str(problem))
    except UsageError as problem:
        # The gate stops at an answer that the contract does not know: exit 2, and nobody ships that.
        fate = Fate.CONVICTED if task.kind == "mutant" else Fate.ERROR
        trial = replace(trial, fate=fate, convicted_by=("exit 2",), problem=str(problem))
    except BaseException as problem:
        failure = explain(problem)
        trial = replace(trial, problem="\n".join(filter(None, [failure.message, failure.details])))
    finally:
        try:
            run_interruptibly(Databases(house.server).drop(house.template))
        finally:
            if not keep and trial.fate is not Fate.FALSE_ALARM:
                shutil.rmtree(folder, ignore_errors=True)
    return replace(trial, seconds=round(trial.seconds or time.monotonic() - began, 3))


def _discarded(task: Task, fate: Fate) -> Fate:
    return fate if task.kind == "mutant" else Fate.ERROR


def _tried(house: House, task: Task, trial: Trial, folder: Path, began: float) -> Trial:
    contract = task.contract.contract
    run_interruptibly(deploy(house.server, house.template, task.contract, Known()))
    end = run_interruptibly(place_first_order(house.server, house.template, contract, task.seed))
    if failed := unusable(end, contract, task.seed):
        return replace(trial, fate=_discarded(task, Fate.UNUSABLE), problem=str(failed.checks[0].example))
    save_texts(folder, Job(task.contract, task.scenarios, task.checks))
    cells: list[Cell] = []
    for loaded in task.scenarios:
        started = time.monotonic()
        result = _shown(house, task, loaded.scenario, folder)
        cells.append(_cell(result, started))
        convicted = [c for c in cells[-1].violated if c in task.stops_at]
        if convicted and trial.scenario is None:
            trial = replace(
                trial, convicted_by=tuple(convicted), scenario=loaded.scenario.name, schedules=cells[-1].schedules,
                seconds=time.monotonic() - began, attempts=sum(c.attempts for c in cells),
            )  # fmt: skip
        if convicted and not task.whole:
            break
    attempts = trial.attempts or sum(c.attempts for c in cells)
    return replace(trial, cells=tuple(cells), fate=_fate(task, trial, cells), attempts=attempts)


def _fate(task: Task, trial: Trial, cells: Sequence[Cell]) -> Fate:
    if task.kind == "correct":
        if trial.scenario is not None:
            return Fate.FALSE_ALARM
        return Fate.INCONCLUSIVE if any(c.verdict == Verdict.INCONCLUSIVE for c in cells) else Fate.HELD
    if trial.scenario is not None:
        lies = task.suffice and trial.scenario not in task.suffice
        return Fate.MISMATCHED if lies else Fate.CONVICTED
    if task.kind == "broken" and any(cell.violated for cell in cells):
        return Fate.MISMATCHED
    return Fate.EQUIVALENT if task.argument else Fate.SURVIVED


def _shown(house: House, task: Task, scenario: Scenario, folder: Path) -> ScenarioResult:
    """The scenario's result; of an exploration, that of its first schedules if they show enough.

    They are the first that the whole would go through as well, so what they convict, it convicts.
    """
    if scenario.kind == "interleave" and task.kind != "correct" and not task.whole:
        first = replace(scenario.interleave or Interleave(), most=_FIRST_SCHEDULES, exhaust=0, random=0, overlaps=0)
        result = _driven(house, task, replace(scenario, interleave=first), folder)
        if any(c.status is CheckStatus.VIOLATED and c.name in task.stops_at for c in result.checks):
            return result
    return _driven(house, task, scenario, folder)


def _driven(house: House, task: Task, scenario: Scenario, folder: Path) -> ScenarioResult:
    place = folder / scenario.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    at_level = _at_level(scenario, task.isolation)
    stage = Stage(house, task.contract.contract, at_level, task.seed, place, lambda _: None)
    run_interruptibly(_drive(stage))
    result = judge_stored(load_run(folder), scenario.name)
    if result.verdict is Verdict.ERROR:
        raise HarnessError(f"{scenario.name}: {result.error}")
    return result


async def _drive(stage: Stage) -> None:
    drive = KINDS.get(stage.scenario.kind)
    if drive is None:
        raise HarnessError(f"{stage.scenario.name}: scenarios of kind {stage.scenario.kind!r} cannot be driven yet")
    await drive(stage)


def _at_level(scenario: Scenario, isolation: Isolation) -> Scenario:
    """Schedules are gone through at the level of the variant; other kinds take it from the contract's session."""
    if scenario.kind != "interleave":
        return scenario
    return replace(scenario, interleave=replace(scenario.interleave or Interleave(), isolation=(isolation,)))


def _cell(result: ScenarioResult, started: float) -> Cell:
    violated = [c for c in result.checks if c.status is CheckStatus.VIOLATED]
    seconds = round(time.monotonic() - started, 3)
    schedules = _schedules(result.schedules) if result.schedules else None
    example = _example(violated[0].reason, violated[0].example) if violated else ""
    if not violated and result.verdict is Verdict.INCONCLUSIVE:
        example = "; ".join(_open(result))
    names = tuple(c.name for c in violated)
    return Cell(result.name, result.verdict, names, seconds, result.attempts, schedules, example)


def _open(result: ScenarioResult) -> list[str]:
    """Why a result proves nothing."""
    unseen = (CheckStatus.UNEXERCISED, CheckStatus.UNOBSERVABLE)
    checks = [f"{c.name}: {c.reason}" for c in result.checks if c.required and c.status in unseen]
    faults = [f"the fault {f.name} left no mark" for f in result.faults if f.marks == 0]
    return [*checks, *faults] or [result.error or "no order was placed"]


def _example(reason: str | None, row: Any) -> str:
    told = "; ".join(f"{key}: {value}" for key, value in (row or {}).items()) or reason or ""
    return told[:_EXAMPLE_CHARACTERS]


def _schedules(told: dict[str, Any]) -> int | None:
    """Those of a crowd up to its first that breaks; all of them, where none does."""
    return min((int(failure["number"]) for failure in told["failing"]), default=int(told["explored"]))

