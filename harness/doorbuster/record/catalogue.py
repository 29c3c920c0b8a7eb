"""What the database's catalogue says of the contract's tables: needed to read the log, and stored with the run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg


class UnreadableTable(Exception):
    """A table whose changes the log does not show; the message names it and why."""


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


async def read_catalogue(connection: asyncpg.Connection, tables: Sequence[str]) -> tuple[Table, ...]:
    """The tables that the contract names.

    Raises:
        UnreadableTable: no such table, or the log does not show its changes row by row.
    """
    return tuple([await _table(connection, name) for name in tables])


async def _table(connection: asyncpg.Connection, name: str) -> Table:
    found = await connection.fetchrow(_RELATION, name)
    if found is None:
        raise UnreadableTable(f"the contract names the table {name!r}, which the schema's files do not create")
    if found["relkind"] != "r":
        kinds = {"p": "partitioned: its rows are logged under its partitions", "v": "a view"}
        raise UnreadableTable(f"{name} is {kinds.get(found['relkind'], 'no plain table')}; map plain tables")
    if found["relpersistence"] != "p":
        raise UnreadableTable(f"{name} is unlogged or temporary, so the log does not show its changes")
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
