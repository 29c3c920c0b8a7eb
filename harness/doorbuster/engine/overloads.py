"""Of several functions with one name, which one a contract's statement calls: PostgreSQL chooses by the arguments."""

import re
from contextlib import suppress

import asyncpg

from doorbuster.config.parameters import parse_parameters
from doorbuster.model.contract import Contract

_SEVERAL = """
select p.proname::text as name, array_agg(p.oid::regprocedure::text order by p.oid) as signatures
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
group by 1 having count(*) > 1
"""
_LOOK = "doorbuster_look"
_CALLED = f"""
select p.oid::regprocedure::text from pg_depend d
join pg_rewrite r on r.oid = d.objid and r.ev_class = '{_LOOK}'::regclass join pg_proc p on p.oid = d.refobjid
where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_proc'::regclass and p.proname = $1
"""


async def overload_notes(connection: asyncpg.Connection, contract: Contract) -> list[str]:
    """For each overloaded function that a statement of the contract names, which one is meant, and which others are."""
    several = {row["name"]: row["signatures"] for row in await connection.fetch(_SEVERAL)}
    notes = []
    for step in contract.place.calls if contract.place.http is None else ():
        for name in several:
            is_named = re.search(rf"(?<!\w){re.escape(name)}\"?\s*\(", step.sql)
            if is_named and (called := await _called(connection, step.sql, name)):
                others = "; ".join(signature for signature in several[name] if signature != called)
                notes.append(f"{step.name or 'place'} calls {called}; there is also {others}")
    return notes


async def _called(connection: asyncpg.Connection, sql: str, name: str) -> str | None:
    """The signature of the function ``name`` that ``sql`` calls; None where that cannot be seen, as in a CALL.

    A view of the same query, its parameters made NULLs of their types, says what it depends on.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        with suppress(asyncpg.PostgresError):
            parsed = parse_parameters(sql.strip().rstrip(";"))
            kinds = [kind.name for kind in (await connection.prepare(parsed.sql)).get_parameters()]
            query = re.sub(r"\$(\d+)", lambda found: f"(null::{kinds[int(found[1]) - 1]})", parsed.sql)
            await connection.execute(f"create temporary view {_LOOK} as {query}")
            found = await connection.fetchval(_CALLED, name)
            return None if found is None else str(found)
        return None
    finally:
        await transaction.rollback()
