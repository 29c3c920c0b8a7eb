"""A contract's statements and mappings held against the database that its files made, before anything is driven."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence

import asyncpg

from doorbuster.config.parameters import Statement, parse_parameters
from doorbuster.drive.flow import compile_flow
from doorbuster.judge.mappings import mapping_mistakes
from doorbuster.model.contract import Contract
from doorbuster.record.catalogue import Table

# A function that is not there, or of which there are several; a parameter without a type; a table that is not there.
_NO_FUNCTION, _AMBIGUOUS, _UNTYPED, _NO_TABLE = "42883", "42725", "42P18", "42P01"
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
    return [*found, *mapping_mistakes(contract, tables)]


async def _statement_mistakes(connection: asyncpg.Connection, contract: Contract) -> AsyncIterator[str]:
    for key, statement, may_lack_table in _statements(contract):
        try:
            await connection.prepare(statement.sql)
        except asyncpg.PostgresError as problem:
            if not (may_lack_table and problem.sqlstate == _NO_TABLE):
                yield f"{key}: {problem.message or problem}{await _cure(connection, statement, problem)}"


def _statements(contract: Contract) -> Iterator[tuple[str, Statement, bool]]:
    """The contract's statements by key; and whether one before it may be what makes its table."""
    lists = {
        "shelves.product": contract.shelves.product, "shelves.customer": contract.shelves.customer,
        "place.prepare": contract.place.prepare,
    }  # fmt: skip
    for key, statements in lists.items():
        yield from ((f"{key}.{n}", parse_parameters(sql), n > 0) for n, sql in enumerate(statements))
    if contract.place.http is None:
        calls = compile_flow(contract.place).calls
        for number, call in enumerate(calls):
            yield "place.sql" if contract.place.sql else f"place.steps.{number}", call.statement, False
    for kind, operation in contract.operations.items():
        yield from ((f"{kind}.sql", call.statement, False) for call in compile_flow(operation).calls)


async def _cure(connection: asyncpg.Connection, statement: Statement, problem: asyncpg.PostgresError) -> str:
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
        name = statement.names[int(number[1]) - 1]
        return f"\n    That is :{name}; give it a type, as in :{name}::uuid."
    return ""

