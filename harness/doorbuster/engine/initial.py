"""``doorbuster init``: deploy, look, propose, write, and prove it by one plain order through the real machinery."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.supabase import SETUP
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.engine.first_order import place_first_order
from doorbuster.engine.guess.propose import NothingGuessed, Proposal, propose
from doorbuster.engine.guess.write import contract_text
from doorbuster.host.guardian import Guardian
from doorbuster.host.interrupts import run_interruptibly
from doorbuster.host.resources import resource
from doorbuster.model.outcome import Outcome
from doorbuster.model.server import Server
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files
from doorbuster.postgres.runtimes import PostgresChoice, runtime_of

_TEMPLATE = "init_template"
_SUPABASE = re.compile(r"\bauth\.(uid|users|jwt|role)\b|\bservice_role\b|\bsupabase_\w+", re.I)
_ASKS_WHO = re.compile(r"\bauth\.(uid|jwt)\s*\(", re.I)
DUMP_S = 120
SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What to look at and where to write; ``function`` is the one to call, ``supabase`` None: as the files look."""

    schema: tuple[str, ...]
    out: Path
    name: str
    function: str | None = None
    supabase: bool | None = None
    postgres: PostgresChoice = field(default_factory=PostgresChoice)


def init(wish: Wish, tell: Callable[[str], None]) -> LoadedContract:
    """Write the contract ``wish.out``, and prove it; what it says is told on the way.

    Raises:
        UsageError: nothing to look at, nothing that sells, or an order that does not go through; says what to do.
        DeployError: the files do not deploy.
    """
    files = schema_files(wish, tell)
    on_supabase = _looks_like_supabase(files) if wish.supabase is None else wish.supabase
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        server = stack.enter_context(runtime_of(wish.postgres, guardian).open())
        tell(f"Postgres {server.version} ({server.runtime})")
        return init_on(server, wish, files, tell, on_supabase=on_supabase)


def init_on(
    server: Server, wish: Wish, files: Sequence[Path], tell: Callable[[str], None], *, on_supabase: bool
) -> LoadedContract:
    """As :func:`init`, with a server and the files that are there."""
    template = server.prefix + _TEMPLATE
    whole = [resource(SETUP), *files] if on_supabase else files
    found = run_interruptibly(_proposed(server, template, whole, wish.function))
    try:
        told = [os.path.relpath(file, wish.out.parent.resolve()) for file in files]
        wish.out.write_text(contract_text(found, wish.name, told, _role(files) if on_supabase else None))
        tell(f"places orders by {found.called}; {found.effects.why['stock']} in {found.effects.stock[0]['table']}")
        for note in found.doubts:
            tell(f"look at this: {note}")
        return _proved(server, template, wish.out)
    finally:
        run_interruptibly(Databases(server).drop(template))


def _proved(server: Server, template: str, path: Path) -> LoadedContract:
    try:
        loaded = load_contract(path)
    except ConfigError as problem:
        raise HarnessError(f"the proposal is no contract: {problem}") from None
    end = run_interruptibly(place_first_order(server, template, loaded.contract, SEED))
    if end.outcome is not Outcome.OK:
        told = f"{end.outcome.value} {end.code or ''} {end.message or ''}".strip()
        raise UsageError(f"{path} was written, but a plain order with it ended in {told}; mend it, then run it")
    return loaded


async def _proposed(server: Server, template: str, files: Sequence[Path], function: str | None) -> Proposal:
    async def deploy(dsn: str) -> None:
        await deploy_files(dsn, files)

    databases = Databases(server)
    await databases.create_template(template, deploy)
    try:
        async with databases.cloned(template, f"{template}_trial") as dsn:
            connection = await asyncpg.connect(dsn, timeout=20)
            try:
                return await propose(connection, function)
            finally:
                await connection.close()
    except NothingGuessed as problem:
        await databases.drop(template)
        cure = "Name the function with --function, or write the contract by hand: docs/contract.md."
        raise UsageError(f"nothing here could be proved to sell: {problem}\n    {cure}") from None


def schema_files(wish: Wish, tell: Callable[[str], None]) -> list[Path]:
    """The files to deploy: those named, globs and folders expanded; of a database, a dump beside the contract.

    Raises:
        UsageError: nothing matches, or the database cannot be dumped.
    """
    if len(wish.schema) == 1 and re.match(r"postgres(ql)?://", wish.schema[0]):
        return [_dumped(wish.schema[0], wish.out.with_suffix(".schema.sql"), wish.postgres.pg_bin, tell)]
    found: list[Path] = []
    for pattern in wish.schema:
        path = Path(pattern)
        matches = sorted(path.glob("*.sql")) if path.is_dir() else [path] if path.is_file() else sorted(
            file for file in Path().glob(pattern) if file.is_file()
        ) if not path.is_absolute() else []
        if not matches:
            raise UsageError(f"--schema {pattern}: no such file, folder or pattern")
        found += [match.resolve() for match in matches]
    if not found:
        raise UsageError("nothing to look at: give --schema FILES, a folder, or the DSN of a database")
    return list(dict.fromkeys(found))


def _dumped(dsn: str, path: Path, pg_bin: Path | None, tell: Callable[[str], None]) -> Path:
    program = find_binaries(pg_bin).program("pg_dump")
    if not program.exists():
        cure = "name a folder with one (--pg-bin), or give the schema's files"
        raise UsageError(f"no pg_dump in {program.parent}: {cure}")
    command = [str(program), "--schema-only", "--no-owner", "--no-publications", "--no-subscriptions", dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DUMP_S, check=False)
    if done.returncode:
        raise UsageError(f"the database cannot be dumped: {done.stderr.strip().splitlines()[-1]}")
    path.write_text(done.stdout)
    tell(f"dumped the database's schema to {path}; the database itself is not touched again")
    return path.resolve()


def _role(files: Sequence[Path]) -> str:
    """As whom buyers come: signed in where the files ask who it is, else as the shop's own server."""
    asks = any(_ASKS_WHO.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)
    return "authenticated" if asks else "service_role"


def _looks_like_supabase(files: Sequence[Path]) -> bool:
    return any(_SUPABASE.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)
