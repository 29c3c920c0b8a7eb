"""A contract's statements and mappings held against the database that its files made, before anything is driven."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence

import asyncpg
import duckdb

from doorbuster.drive.flow import Call, compile_flow
from doorbuster.judge.views import BadMapping, create_views
from doorbuster.model.contract import Contract
from doorbuster.record.catalogue import Table
from doorbuster.record.seal import empty_table
from doorbuster.record.tables import TABLES

# A function that is not there, or of which there are several; a parameter without a type; two types for one.
_NO_FUNCTION, _AMBIGUOUS, _UNTYPED = "42883", "42725", "42P18"
_SIGNATURES = """
select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.proname = $1 and n.nspname not in ('pg_catalog', 'information_schema') order by 1
"""
_LIKE = """
select distinct p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'doorbuster_tag') and p.prorettype <> 'trigger'::regtype
order by 1
"""


async def contract_mistakes(connection: asyncpg.Connection, contract: Contract, tables: Sequence[Table]) -> list[str]:
    """Every mistake that only the database can tell, each with its place and its cure."""
    found = [told async for told in _statement_mistakes(connection, contract)]
    return [*found, *_mapping_mistakes(contract, tables)]


async def _statement_mistakes(connection: asyncpg.Connection, contract: Contract) -> AsyncIterator[str]:
    calls: list[tuple[str, Call]] = []
    if contract.place.http is None:
        steps = compile_flow(contract.place).calls
        calls += [("place.sql" if contract.place.sql else f"place.steps.{n}", call) for n, call in enumerate(steps)]
    for kind, operation in contract.operations.items():
        calls += [(f"{kind}.sql", call) for call in compile_flow(operation).calls]
    for key, call in calls:
        try:
            await connection.prepare(call.statement.sql)
        except asyncpg.PostgresError as problem:
            yield f"{key}: {problem.message or problem}{await _cure(connection, call, problem)}"


async def _cure(connection: asyncpg.Connection, call: Call, problem: asyncpg.PostgresError) -> str:
    message = str(problem)
    if problem.sqlstate in (_NO_FUNCTION, _AMBIGUOUS) and (named := re.search(r"([\w\"]+)\(", message)):
        name = named[1].strip('"')
        there = [row[0] for row in await connection.fetch(_SIGNATURES, name)]
        if there:
            cast = "cast the arguments so that one of them fits, as in :quantity::int"
            return f"\n    There {'is' if len(there) == 1 else 'are'}: {'; '.join(there)}; {cast}."
        known = [row[0] for row in await connection.fetch(_LIKE)]
        return f"\n    The schema's files make these functions: {', '.join(known) or 'none'}."
    if problem.sqlstate == _UNTYPED and (number := re.search(r"\$(\d+)", message)):
        name = call.statement.names[int(number[1]) - 1]
        return f"\n    That is :{name}; give it a type, as in :{name}::uuid."
    return ""


def _mapping_mistakes(contract: Contract, tables: Sequence[Table]) -> Iterator[str]:
    """What DuckDB does not take of the mappings, tried over tables without rows."""
    with duckdb.connect() as connection:
        for name, columns in TABLES.items():
            connection.execute(f"create table {name} as {empty_table(columns)}")
        try:
            create_views(connection, contract, tables)
        except BadMapping as problem:
            yield f"{problem}\n    Mappings are DuckDB expressions over the columns of their table.{_columns(tables)}"


def _columns(tables: Sequence[Table]) -> str:
    return "".join(f"\n    {table.name}: {', '.join(c.printed for c in table.columns)}" for table in tables)
