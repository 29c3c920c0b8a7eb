"""What the database's catalogue says of the contract's tables: needed to read the log, and stored with the run."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg


class UnreadableTable(Exception):
    """Tables whose changes the log does not show; each of ``problems`` names one, and says why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``kind`` is PostgreSQL's type name as the log prints it, ``printed`` the name as the log prints it.

    ``writable``: an update may set it to its own value, which generated columns refuse.
    """

    name: str
    printed: str
    kind: str
    is_key: bool
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table: ``name`` as the contract has it, ``printed`` as the log does."""

    name: str
    printed: str
    columns: tuple[Column, ...]


_RELATION = """
select c.oid, format('%I.%I', n.nspname, c.relname) as printed, c.relkind::text as relkind,
       c.relpersistence::text as relpersistence
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass($1)
"""
# A virtual generated column is logged as null; format_type without a modifier is what the log prints.
_COLUMNS = """
select a.attname::text as name, quote_ident(a.attname) as printed, format_type(a.atttypid, null) as kind,
       coalesce(a.attnum = any(i.indkey), false) as is_key,
       a.attidentity <> 'a' and a.attgenerated = '' as writable
from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


_TABLES = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema$|doorbuster)' order by 1 limit 60
"""


async def read_catalogue(connection: asyncpg.Connection, tables: Sequence[str]) -> tuple[Table, ...]:
    """The tables that the contract names.

    Raises:
        UnreadableTable: tables that are not there, or whose changes the log does not show row by row; all of them.
    """
    relations = {name: await connection.fetchrow(_RELATION, name) for name in tables}
    there = [row[0] for row in await connection.fetch(_TABLES)]
    if problems := [told for name, found in relations.items() if (told := _unreadable(name, found, there))]:
        raise UnreadableTable(problems)
    return tuple([await _table(connection, name, found) for name, found in relations.items()])


def _unreadable(name: str, found: asyncpg.Record | None, there: Sequence[str]) -> str | None:
    if found is None:
        near = difflib.get_close_matches(name, there, 1)
        listed = f"They make: {', '.join(there) or 'no table'}."
        cure = f"Did you mean {near[0]!r}? {listed}" if near else listed
        return f"the contract names the table {name!r}, which the schema's files do not create\n    {cure}"
    if found["relkind"] != "r":
        kinds = {"p": "partitioned: its rows are logged under its partitions", "v": "a view"}
        return f"{name} is {kinds.get(found['relkind'], 'no plain table')}; map plain tables"
    if found["relpersistence"] != "p":
        return f"{name} is unlogged or temporary, so the log does not show its changes"
    return None


async def _table(connection: asyncpg.Connection, name: str, found: asyncpg.Record) -> Table:
    columns = tuple(Column(**dict(row)) for row in await connection.fetch(_COLUMNS, found["oid"]))
    return Table(name, found["printed"], columns)


def save_catalogue(tables: Sequence[Table], path: Path) -> None:
    """Write the catalogue as JSON."""
    path.write_text(json.dumps([asdict(table) for table in tables], indent=1))


def load_catalogue(path: Path) -> tuple[Table, ...]:
    """Read what :func:`save_catalogue` wrote."""
    return tuple(
        Table(t["name"], t["printed"], tuple(Column(**column) for column in t["columns"]))
        for t in json.loads(path.read_text())
    )
