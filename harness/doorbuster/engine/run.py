"""A whole run: from a job to its result, with everything that was started gone again at the end."""

import platform
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import doorbuster
from doorbuster.engine.budget import Budget, measured, remembered
from doorbuster.engine.comparing import ComparedWith, keep, with_comparison
from doorbuster.engine.errors import HarnessError
from doorbuster.engine.failures import explain
from doorbuster.engine.first_order import place_first_order, unusable
from doorbuster.engine.house import House, Known, Tools, open_house
from doorbuster.engine.kinds import KINDS
from doorbuster.engine.links import open_entrance
from doorbuster.engine.loading import COMMAND_LINE, Job, standing_scenarios
from doorbuster.engine.place import place_command
from doorbuster.engine.sources import source_lines
from doorbuster.engine.stage import Drive, Stage, StageOptions
from doorbuster.engine.still_there import still_there
from doorbuster.engine.store import judge_stored, load_run, new_run_folder, save_texts
from doorbuster.engine.waivers import unneeded, waived
from doorbuster.host.interrupts import run_interruptibly
from doorbuster.model.events import Event, Notice, Preparing, RunFinished, RunStarted, ScenarioFinished, ScenarioStarted
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.model.verdict import Verdict, worst
from doorbuster.postgres.settings import COUNTING

Emit = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """How to run, as the command line says it."""

    out: Path
    seed: int
    command: str
    tools: Tools = field(default_factory=Tools)
    budget_s: float | None = None
    options: StageOptions = field(default_factory=StageOptions)
    compare: ComparedWith | None = None


@dataclass(slots=True)
class _Progress:
    """What is known so far; a run that breaks off in the middle still says this much."""

    scenarios: list[ScenarioResult] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    error: str | None = None
    exit_code: int | None = None
    not_reached: tuple[str, ...] = ()


def run(job: Job, settings: RunSettings, emit: Emit) -> RunResult:
    """Run ``job``; emits events, the last of them RunFinished, whatever happens."""
    started, clock = datetime.now(UTC).astimezone(), time.monotonic()
    folder = new_run_folder(settings.out, job.contract.contract.name, started)
    save_texts(folder, job)
    if settings.compare is not None:
        keep(folder, settings.compare)
    plan = _plan(job, settings, clock)
    names = tuple(plan.left) if plan else tuple(s.scenario.name for s in job.scenarios)
    emit(RunStarted(folder, job.contract.contract.name, names, settings.seed))
    for notice in job.notices:
        emit(Notice(notice))
    so_far = _Progress()
    so_far.known.contract.update(name=job.contract.contract.name, function_sha256="")
    _run_safely(job, settings, plan, folder, so_far, emit)
    so_far.known.notices += job.notices
    so_far.known.notices += unneeded(so_far.scenarios, job.waivers)
    result = _result(job, so_far, settings, started, time.monotonic() - clock)
    result = with_comparison(folder, result)
    emit(RunFinished(folder, result))
    return result


def _plan(job: Job, settings: RunSettings, started: float) -> Budget | None:
    if settings.budget_s is None:
        return None
    scenarios = [loaded.scenario for loaded in job.scenarios]
    known = remembered(measured(scenarios), settings.out, job.contract.contract.name)
    return Budget([scenario.name for scenario in scenarios], known, started + settings.budget_s)


def _run_safely(
    job: Job, settings: RunSettings, plan: Budget | None, folder: Path, so_far: _Progress, emit: Emit
) -> None:
    try:
        counting = COUNTING if settings.options.waits else None
        with open_house(job.contract, settings.tools, so_far.known, emit, counting) as house:
            _run_all(house, job, settings, plan, folder, so_far, emit)
    except BaseException as problem:
        failure = explain(problem)
        so_far.error, so_far.exit_code = failure.message, failure.exit_code
        if failure.details:
            so_far.known.notices.append(failure.details)
    if plan is not None:
        so_far.not_reached = tuple(plan.left)


def _run_all(
    house: House, job: Job, settings: RunSettings, plan: Budget | None, folder: Path, so_far: _Progress, emit: Emit
) -> None:
    contract = job.contract.contract
    emit(Preparing("one plain order"))
    entrance = partial(open_entrance, house.guardian, contract=contract, folder=folder)
    end = run_interruptibly(place_first_order(house.server, house.template, contract, settings.seed, entrance))
    if failed := unusable(end, contract, settings.seed):
        so_far.scenarios.append(failed)
        emit(ScenarioFinished(failed))
        return
    for scenario in _in_turn(job, plan):
        _run_one(house, scenario, job, settings, folder, so_far, emit)


def _in_turn(job: Job, plan: Budget | None) -> Iterator[Scenario]:
    """All scenarios in their order; with a budget those that fit, in its order."""
    if plan is None:
        yield from (loaded.scenario for loaded in job.scenarios)
        return
    by_name = {loaded.scenario.name: loaded.scenario for loaded in job.scenarios}
    while (name := plan.next()) is not None:
        yield by_name[name]


def _run_one(
    house: House, scenario: Scenario, job: Job, settings: RunSettings, folder: Path, so_far: _Progress, emit: Emit
) -> None:
    emit(ScenarioStarted(scenario.name, scenario.kind, scenario.description))
    place = folder / scenario.name
    place.mkdir()
    drive = KINDS.get(scenario.kind)
    if drive is None:
        raise HarnessError(f"{scenario.name}: scenarios of kind {scenario.kind!r} cannot be driven yet")
    interrupted = None
    stage = Stage(house, job.contract.contract, scenario, settings.seed, place, emit, settings.options)
    try:
        run_interruptibly(_driven(drive, stage))
    except BaseException as problem:
        interrupted = problem
    try:
        result = judge_stored(load_run(folder), scenario.name)
    except Exception:
        if interrupted is not None:
            raise interrupted from None
        raise
    if interrupted is not None:
        # What was seen so far stands: a violation is one whatever happened afterwards. Anything else is unproven.
        if result.verdict is not Verdict.VIOLATION:
            result = replace(result, verdict=Verdict.ERROR)
        result = replace(result, error=f"broken off: {explain(interrupted).message}")
    result = waived(_with_replay(result, job, settings, folder), job.waivers, job.checks)
    so_far.scenarios.append(result)
    emit(ScenarioFinished(result))
    if interrupted is not None:
        raise interrupted


async def _driven(drive: Drive, stage: Stage) -> None:
    await drive(stage)
    await still_there(stage.house.server)


def _with_replay(result: ScenarioResult, job: Job, settings: RunSettings, folder: Path) -> ScenarioResult:
    """Every violated check gets the command that runs its scenario again, or only the place at which it broke."""
    options = f"-c {shlex.quote(str(job.config or job.contract.path))} --seed {settings.seed}"
    whole = _whole_again(result.name, job, settings, options)
    checks = (
        replace(c, replay=place_command(result, c.name, options, folder) or whole) if c.violations else c
        for c in result.checks
    )
    return replace(result, checks=tuple(checks), replay=whole)


def _whole_again(name: str, job: Job, settings: RunSettings, options: str) -> str:
    """The command for a scenario: by its name, else by its file; one that is in no file, as it was typed."""
    path = next(loaded.path for loaded in job.scenarios if loaded.scenario.name == name)
    if str(path) == COMMAND_LINE:
        return settings.command if "--seed" in settings.command else f"{settings.command} --seed {settings.seed}"
    return f"doorbuster run {name if path == standing_scenarios().get(name) else shlex.quote(str(path))} {options}"


def _result(
    job: Job, so_far: _Progress, settings: RunSettings, started: datetime, duration_s: float
) -> RunResult:
    verdict = worst(s.verdict for s in so_far.scenarios)
    if so_far.error is not None and verdict is not Verdict.VIOLATION:
        verdict = Verdict.ERROR
    exit_code = verdict.exit_code
    if so_far.exit_code is not None and verdict is not Verdict.VIOLATION:
        exit_code = so_far.exit_code
    return RunResult(
        verdict=verdict,
        exit_code=exit_code,
        seed=settings.seed,
        started=started.isoformat(timespec="milliseconds"),
        duration_s=round(duration_s, 3),
        command=settings.command,
        postgres=so_far.known.postgres,
        toxiproxy=so_far.known.toxiproxy,
        contract=so_far.known.contract,
        scenarios=tuple(so_far.scenarios),
        environment={
            "doorbuster": doorbuster.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        notices=tuple(so_far.known.notices),
        error=so_far.error,
        sources=source_lines(job.contract),
        budget_s=settings.budget_s,
        not_reached=so_far.not_reached,
    )
