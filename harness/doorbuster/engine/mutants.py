"""Mutants of a contract's own SQL as tasks: what the server holds after deployment, each with one change made to it."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from doorbuster.config.contract import LoadedContract
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.toml_file import read_toml
from doorbuster.config.variant import LEVELS, with_variant
from doorbuster.engine.demands import playable
from doorbuster.engine.house import House, Known, Tools, deploy, open_empty_house
from doorbuster.engine.power import Task, correctness
from doorbuster.engine.power_tasks import Offer
from doorbuster.host.interrupts import run_interruptibly
from doorbuster.instrument.mutants import Mutant, mutants_of
from doorbuster.instrument.outline import NotUnderstood
from doorbuster.model.events import Event
from doorbuster.postgres.connect import connect
from doorbuster.postgres.databases import Databases, quote_identifier

_OWN = """n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
  and not exists (select from pg_depend d where d.objid = {oid} and d.deptype = 'e')"""
_FUNCTIONS = f"""
select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, p.prosrc as source
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where l.lanname = 'plpgsql' and p.prokind in ('f', 'p') and {_OWN.format(oid="p.oid")} order by 1
"""
# What keeps bad rows out. A primary key is not dropped: too much stands on it, and nobody forgets it.
_CONSTRAINTS = f"""
select c.conrelid::regclass::text as relation, c.conname as name, pg_get_constraintdef(c.oid) as definition
from pg_constraint c join pg_namespace n on n.oid = c.connamespace
where c.contype in ('c', 'u', 'f', 'x') and c.conrelid <> 0 and {_OWN.format(oid="c.oid")} order by 1, 2
"""
_INDEXES = f"""
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where i.indisunique
  and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
  and {_OWN.format(oid="i.indexrelid")} order by 1
"""
_TRIGGERS = f"""
select t.tgname as name, t.tgrelid::regclass::text as relation, pg_get_triggerdef(t.oid) as definition
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and {_OWN.format(oid="t.oid")} order by 1
"""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant that cannot be told from the original by what the harness promises to find, and why."""

    operator: str
    was: str
    becomes: str
    because: str

    def is_of(self, change: "Change") -> bool:
        """Whether it speaks of this change; blanks do not count."""
        mine = (self.operator, _plain(self.was), _plain(self.becomes))
        return mine == (change.operator, _plain(change.was), _plain(change.becomes))


@dataclass(frozen=True, slots=True)
class Change:
    """A mutant of anything: ``sql`` makes it, after the contract's own files."""

    name: str
    operator: str
    was: str
    becomes: str
    sql: str
    diff: str

    @property
    def title(self) -> str:
        """The change in a line."""
        return f"{self.operator}: {self.was} → {self.becomes}" if self.becomes else f"{self.operator}: {self.was}"


def load_equivalents(path: Path) -> tuple[Equivalent, ...]:
    """The arguments in the TOML file ``path``: ``[[equivalent]]`` tables.

    Raises:
        ConfigError: not TOML, or a key that is missing or unknown.
    """
    _, content = read_toml(path)
    found, mistakes = [], []
    for number, table in enumerate(content.get("equivalent", [])):
        try:
            found.append(Equivalent(**table))
        except TypeError as problem:
            cure = "Each [[equivalent]] has operator, was, becomes, because."
            mistakes.append(Mistake(f"{path}: equivalent.{number}", str(problem), cure))
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(found)


def find_changes(contract: LoadedContract, tools: Tools, emit: Callable[[Event], None]) -> list[Change]:
    """Start a server, deploy the contract, and think of every change.

    Raises:
        DeployError: the contract's SQL does not deploy; NoToxiproxy, PostgresError: a tool is missing.
    """
    with open_empty_house(tools, Known(), emit) as house:
        return run_interruptibly(changes(house, contract))


async def changes(house: House, contract: LoadedContract) -> list[Change]:
    """Deploy the contract, read what it made, and think of every change.

    Raises:
        DeployError: the contract's SQL does not deploy.
    """
    await deploy(house.server, house.template, contract, Known())
    connection = await connect(house.server.dsn(house.template))
    try:
        found = [*await _of_functions(connection), *await _of_tables(connection)]
    finally:
        await connection.close()
        await Databases(house.server).drop(house.template)
    return [_named(number, change) for number, change in enumerate(found, 1)]


def _named(number: int, change: Change) -> Change:
    word = re.sub(r"\W+", "_", change.operator)
    return Change(f"m{number:03d}_{word}", change.operator, change.was, change.becomes, change.sql, change.diff)


async def _of_functions(connection: asyncpg.Connection) -> list[Change]:
    found = []
    for row in await connection.fetch(_FUNCTIONS):
        try:
            mutants = mutants_of(row["name"], row["definition"], row["source"])
        except NotUnderstood:
            continue
        found += [_change(mutant, row["definition"]) for mutant in mutants]
    return found


def _change(mutant: Mutant, original: str) -> Change:
    lines = difflib.unified_diff(
        original.splitlines(), mutant.definition.splitlines(), mutant.function, "mutant", lineterm="", n=1
    )
    sql = mutant.definition.rstrip().rstrip(";") + ";\n"
    return Change("", mutant.operator, mutant.was, mutant.becomes, sql, "\n".join(lines))


async def _of_tables(connection: asyncpg.Connection) -> list[Change]:
    found = []
    for row in await connection.fetch(_CONSTRAINTS):
        sql = f"alter table {row['relation']} drop constraint {quote_identifier(row['name'])};\n"
        found.append(_dropped("drop constraint", f"{row['relation']}: {row['definition']}", sql))
    for row in await connection.fetch(_INDEXES):
        found.append(_dropped("drop unique index", row["definition"], f"drop index {row['name']};\n"))
    for row in await connection.fetch(_TRIGGERS):
        sql = f"drop trigger {quote_identifier(row['name'])} on {row['relation']};\n"
        found.append(_dropped("drop trigger", row["definition"], sql))
    return found


def _dropped(operator: str, was: str, sql: str) -> Change:
    return Change("", operator, was, "", sql, f"-{was}")


def mutant_tasks(
    found: Sequence[Change], contract: LoadedContract, offered: Offer, seed: int, folder: Path,
    equivalents: Sequence[Equivalent], *, whole: bool = False,
) -> Iterator[Task]:  # fmt: skip
    """A task for each change; the SQL that makes it goes into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    level = contract.contract.session.get("default_transaction_isolation", "read committed")
    isolation = next((known for known in LEVELS if known == level.lower()), LEVELS[0])
    scenarios, left_out = playable([offered.scenarios[name] for name in offered.chosen], contract.contract)
    for change in found:
        file = folder / f"{change.name}.sql"
        file.write_text(change.sql, encoding="utf-8")
        argument = next((e.because for e in equivalents if e.is_of(change)), "")
        loaded = with_variant(contract.path, change.name, (), file.resolve())
        yield Task(
            change.name, "mutant", change.title, loaded, isolation, seed, tuple(scenarios), offered.checks,
            correctness(offered.checks), whole, operator=change.operator, diff=change.diff, argument=argument,
            left_out=tuple(left_out),
        )  # fmt: skip


def unspoken(equivalents: Sequence[Equivalent], found: Sequence[Change]) -> list[Equivalent]:
    """The arguments that speak of no change: the function has moved on, and they are to be thought over."""
    return [e for e in equivalents if not any(e.is_of(change) for change in found)]


def _plain(text: str) -> str:
    return " ".join(text.split())
