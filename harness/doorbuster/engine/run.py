"""A whole run: from a job to its result, with everything that was started gone again at the end."""

import asyncio
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

import doorbuster
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.engine.first_order import place_first_order, unusable
from doorbuster.engine.load import House, run_load
from doorbuster.engine.loading import Job
from doorbuster.engine.store import judge_stored, load_run, new_run_folder, save_texts
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.host.scratch import scratch_folder, sweep
from doorbuster.judge.checks import BadCheck
from doorbuster.judge.views import BadMapping
from doorbuster.model.events import Event, Notice, Preparing, RunFinished, RunStarted, ScenarioFinished, ScenarioStarted
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.model.server import Server
from doorbuster.model.verdict import Verdict, worst
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.errors import NoToxiproxy, ToxiproxyError
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import DeployError, deploy_files
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.errors import PostgresError

TEMPLATE = "doorbuster_template"
INTERRUPTED = 130
USAGE = 2

Emit = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """How to run, as the command line says it."""

    out: Path
    seed: int
    command: str
    toxiproxy: Path | None = None
    pg_bin: Path | None = None


@dataclass(slots=True)
class _Progress:
    """What is known so far; a run that breaks off in the middle still says this much."""

    scenarios: list[ScenarioResult] = field(default_factory=list)
    postgres: dict[str, str] = field(default_factory=dict)
    toxiproxy: dict[str, str] = field(default_factory=dict)
    contract: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    error: str | None = None
    exit_code: int | None = None


def run(job: Job, settings: RunSettings, emit: Emit) -> RunResult:
    """Run ``job``; emits events, the last of them RunFinished, whatever happens."""
    started, clock = datetime.now(UTC).astimezone(), time.monotonic()
    folder = new_run_folder(settings.out, job.contract.contract.name, started)
    save_texts(folder, job)
    names = tuple(s.scenario.name for s in job.scenarios)
    emit(RunStarted(folder, job.contract.contract.name, names, settings.seed))
    so_far = _Progress(contract={"name": job.contract.contract.name, "function_sha256": ""})
    _run_safely(job, settings, folder, so_far, emit)
    result = _result(so_far, settings, started, time.monotonic() - clock)
    emit(RunFinished(folder, result))
    return result


def _run_safely(job: Job, settings: RunSettings, folder: Path, so_far: _Progress, emit: Emit) -> None:
    try:
        with _house(job, settings, so_far, emit) as house:
            _run_all(house, job, settings, folder, so_far, emit)
    except KeyboardInterrupt:
        so_far.error, so_far.exit_code = "interrupted", INTERRUPTED
    except (UsageError, DeployError, BadMapping, BadCheck) as problem:
        so_far.error, so_far.exit_code = str(problem), USAGE
    except (HarnessError, PostgresError, ToxiproxyError, NoToxiproxy) as problem:
        so_far.error = str(problem)
    except Exception as problem:
        so_far.error = f"a bug in the harness: {type(problem).__name__}: {problem}"
        so_far.notices.append(_traceback(problem))


def _traceback(problem: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(problem))[-4000:]


@contextmanager
def _house(job: Job, settings: RunSettings, so_far: _Progress, emit: Emit) -> Iterator[House]:
    """Server and proxy, with the contract's schema deployed into the template."""
    for left in sweep():
        emit(Notice(f"removed what an earlier run had left: {left}"))
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        scratch = stack.enter_context(scratch_folder(guardian))
        emit(Preparing("Toxiproxy"))
        binary = find_toxiproxy(settings.toxiproxy, cache_folder(), lambda text: emit(Preparing(text)))
        so_far.toxiproxy["version"] = binary.version
        toxiproxy = stack.enter_context(ToxiproxyServer(binary, guard=guardian))
        emit(Preparing("Postgres"))
        server = stack.enter_context(EmbeddedServer(find_binaries(settings.pg_bin), guardian))
        so_far.postgres.update(version=server.version, runtime=server.runtime)
        emit(Preparing(f"deploying {job.contract.contract.name}"))
        sha256, messages = asyncio.run(_deploy(server, job))
        so_far.contract["function_sha256"] = sha256
        for message in messages:
            so_far.notices.append(message)
            emit(Notice(message))
        yield House(guardian, scratch, server, toxiproxy, TEMPLATE)


async def _deploy(server: Server, job: Job) -> tuple[str, list[str]]:
    """Deploy the contract's files into the template; the functions' hash and what the server remarked."""
    files = [Path(f) for f in job.contract.contract.schema.files]

    async def deploy(dsn: str) -> tuple[str, list[str]]:
        done = await deploy_files(dsn, files)
        told = [f"{n.file.name}:{n.line}: {n.severity}: {n.message}" for n in done.notices if n.severity != "NOTICE"]
        return await _function_hash(dsn), told

    return await Databases(server).create_template(TEMPLATE, deploy)


_FUNCTIONS = """
select encode(sha256(convert_to(coalesce(
           string_agg(pg_get_functiondef(p.oid), e'\\n' order by p.oid::regprocedure::text), ''), 'UTF8')), 'hex')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind in ('f', 'p')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


async def _function_hash(dsn: str) -> str:
    """The SHA-256 of all functions that the schema's files made."""
    connection = await asyncpg.connect(dsn, ssl=False, timeout=20)
    try:
        return str(await connection.fetchval(_FUNCTIONS))
    finally:
        await connection.close()


def _run_all(house: House, job: Job, settings: RunSettings, folder: Path, so_far: _Progress, emit: Emit) -> None:
    contract = job.contract.contract
    emit(Preparing("one plain order"))
    end = asyncio.run(place_first_order(house.server, house.template, contract, settings.seed))
    if failed := unusable(end, contract, settings.seed):
        so_far.scenarios.append(failed)
        emit(ScenarioFinished(failed))
        return
    for loaded in job.scenarios:
        _run_one(house, loaded.scenario, job, settings, folder, so_far, emit)


def _run_one(
    house: House, scenario: Scenario, job: Job, settings: RunSettings, folder: Path, so_far: _Progress, emit: Emit
) -> None:
    emit(ScenarioStarted(scenario.name, scenario.kind, scenario.description))
    place = folder / scenario.name
    place.mkdir()
    if scenario.kind != "load":
        raise HarnessError(f"{scenario.name}: scenarios of kind {scenario.kind!r} cannot be driven yet")
    interrupted = None
    try:
        asyncio.run(run_load(house, job.contract.contract, scenario, settings.seed, place, emit))
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
        result = replace(result, error=f"broken off: {type(interrupted).__name__}: {interrupted}")
    result = _with_replay(result, job, settings)
    so_far.scenarios.append(result)
    emit(ScenarioFinished(result))
    if interrupted is not None:
        raise interrupted


def _with_replay(result: ScenarioResult, job: Job, settings: RunSettings) -> ScenarioResult:
    """Every violated check gets the command that runs its scenario again."""
    command = f"doorbuster run {result.name} -c {job.contract.path} --seed {settings.seed}"
    checks = (replace(c, replay=command) if c.violations else c for c in result.checks)
    return replace(result, checks=tuple(checks))


def _result(so_far: _Progress, settings: RunSettings, started: datetime, duration_s: float) -> RunResult:
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
        postgres=so_far.postgres,
        toxiproxy=so_far.toxiproxy,
        contract=so_far.contract,
        scenarios=tuple(so_far.scenarios),
        environment={
            "doorbuster": doorbuster.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        notices=tuple(so_far.notices),
        error=so_far.error,
    )
