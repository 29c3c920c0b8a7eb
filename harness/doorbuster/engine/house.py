"""What all scenarios of a run share: a guardian, a scratch folder, a server with the contract deployed, a proxy."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from doorbuster.config.contract import LoadedContract
from doorbuster.config.supabase import SETUP
from doorbuster.engine.errors import HarnessError
from doorbuster.engine.exposed import exposed_checkouts
from doorbuster.engine.overloads import overload_notes
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.host.interrupts import run_interruptibly
from doorbuster.host.resources import resource
from doorbuster.host.scratch import scratch_folder, sweep
from doorbuster.model.contract import Contract
from doorbuster.model.events import Event, Notice, Preparing
from doorbuster.model.server import Runtime, Server
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.container import WORD, ContainerToxiproxy, image_of
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.connect import TROUBLE
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files
from doorbuster.postgres.runtimes import PostgresChoice, runtime_of

TEMPLATE = "doorbuster_template"


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the user says the tools are; ``toxiproxy`` is a path or ``docker[:IMAGE]``, None: it is looked for."""

    toxiproxy: str | None = None
    postgres: PostgresChoice = field(default_factory=PostgresChoice)


@dataclass(slots=True)
class Known:
    """What became known of the environment while it was set up; told in the result also if the set-up fails."""

    postgres: dict[str, str] = field(default_factory=dict)
    toxiproxy: dict[str, str] = field(default_factory=dict)
    contract: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class House:
    """A house that is open. ``template`` names the database to clone; ``runtime`` has more servers like ``server``."""

    guardian: Guardian
    scratch: Path
    runtime: Runtime
    server: Server
    toxiproxy: ToxiproxyServer
    template: str


@contextmanager
def open_house(
    contract: LoadedContract, tools: Tools, known: Known, emit: Callable[[Event], None],
    settings: Mapping[str, str] | None = None,
) -> Iterator[House]:  # fmt: skip
    """Start everything and deploy the contract's schema; all of it is gone at the end.

    ``settings`` go over the server's usual ones.

    Raises:
        NoToxiproxy, ToxiproxyError, PostgresError: a tool is missing or does not start.
        DeployError: the contract's SQL does not deploy.
    """
    with open_empty_house(tools, known, emit, settings) as house:
        emit(Preparing(f"deploying {contract.contract.name}"))
        run_interruptibly(deploy(house.server, house.template, contract, known))
        for notice in known.notices:
            emit(Notice(notice))
        yield house


@contextmanager
def open_empty_house(
    tools: Tools, known: Known, emit: Callable[[Event], None], settings: Mapping[str, str] | None = None
) -> Iterator[House]:
    """Start everything, and deploy nothing: the house's template is a name without a database.

    ``settings`` go over the server's usual ones.

    Raises:
        NoToxiproxy, ToxiproxyError, PostgresError: a tool is missing or does not start.
    """
    for left in sweep():
        emit(Notice(f"removed what an earlier run had left: {left}"))
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        scratch = stack.enter_context(scratch_folder(guardian))
        emit(Preparing("Toxiproxy"))
        toxiproxy = stack.enter_context(_toxiproxy(tools, guardian, scratch, emit))
        known.toxiproxy["version"] = toxiproxy.binary.version
        emit(Preparing("Postgres"))
        runtime = runtime_of(tools.postgres, guardian)
        server = stack.enter_context(runtime.open(settings))
        known.postgres.update(version=server.version, runtime=server.runtime)
        yield House(guardian, scratch, runtime, server, toxiproxy, server.prefix + TEMPLATE)
        # A run whose own tools died on the way says so, also where no scenario noticed.
        toxiproxy.check_responds()
        run_interruptibly(_check_alive(server))


def _toxiproxy(tools: Tools, guardian: Guardian, scratch: Path, emit: Callable[[Event], None]) -> ToxiproxyServer:
    """Toxiproxy, from a binary or a container; not started yet."""
    wants_containers = tools.postgres.name.partition(":")[0] == WORD
    if image := image_of(tools.toxiproxy, cache_folder(), wants_containers):
        return ContainerToxiproxy(image, guardian, base=scratch)
    path = Path(tools.toxiproxy) if tools.toxiproxy else None
    binary = find_toxiproxy(path, cache_folder(), lambda text: emit(Preparing(text)))
    return ToxiproxyServer(binary, guard=guardian, base=scratch)


async def _check_alive(server: Server) -> None:
    """Raises HarnessError where the server does not answer any more."""
    try:
        await (await asyncpg.connect(server.dsn("postgres"), timeout=20)).close()
    except TROUBLE as problem:
        raise HarnessError(f"the server was gone before the run was over: {problem}") from None


async def deploy(server: Server, template: str, contract: LoadedContract, known: Known) -> None:
    """Deploy the contract's files into a new database, the template.

    Raises:
        DeployError: the contract's SQL does not deploy.
    """
    files = [Path(f) for f in contract.contract.schema.files]

    async def run_files(dsn: str) -> None:
        done = await deploy_files(dsn, files)
        told = (n for n in done.notices if n.severity != "NOTICE" and n.file != resource(SETUP))
        known.notices += [f"{n.file.name}:{n.line}: {n.severity}: {n.message}" for n in told]
        known.contract["function_sha256"] = await _function_hash(dsn)
        known.notices += await _looked_at(dsn, contract.contract)

    await Databases(server).create_template(template, run_files)


_FUNCTIONS = """
select encode(sha256(convert_to(coalesce(
           string_agg(pg_get_functiondef(p.oid), e'\\n' order by p.oid::regprocedure::text), ''), 'UTF8')), 'hex')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind in ('f', 'p')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


async def _looked_at(dsn: str, contract: Contract) -> list[str]:
    """What is worth knowing of the functions that the contract calls."""
    connection = await asyncpg.connect(dsn, ssl=False, timeout=20)
    try:
        exposed = await exposed_checkouts(connection, contract) if contract.schema.supabase else []
        return [*exposed, *await overload_notes(connection, contract)]
    finally:
        await connection.close()


async def _function_hash(dsn: str) -> str:
    """The SHA-256 of all functions that the schema's files made."""
    connection = await asyncpg.connect(dsn, ssl=False, timeout=20)
    try:
        return str(await connection.fetchval(_FUNCTIONS))
    finally:
        await connection.close()
