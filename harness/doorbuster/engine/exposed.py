"""What a Supabase shop lets strangers do: a checkout that runs with its owner's rights, and that ``anon`` may call."""

import re

import asyncpg

from doorbuster.model.contract import Contract

_DEFINERS = """
select p.proname::text as name, p.oid::regprocedure::text as signature,
       coalesce(array_to_string(p.proconfig, ' ') like '%search_path=%', false) as sets_path
from pg_proc p
where p.prosecdef and has_function_privilege('anon', p.oid, 'execute')
  and has_schema_privilege('anon', p.pronamespace, 'usage')
  and p.pronamespace::regnamespace::text not in ('pg_catalog', 'auth', 'extensions', 'storage')
order by 2
"""
_LED_ASTRAY = ", and without a search_path of its own it can be led astray"


async def exposed_checkouts(connection: asyncpg.Connection, contract: Contract) -> list[str]:
    """A warning for each function that the contract calls, ``anon`` may execute, and that is SECURITY DEFINER."""
    texts = [step.sql for step in contract.place.calls] if contract.place.http is None else []
    called = " ".join([*texts, *(operation.sql for operation in contract.operations.values())])
    return [
        f"anon may execute {row['signature']}, which is SECURITY DEFINER: whoever has the public key orders past "
        f"row-level security{'' if row['sets_path'] else _LED_ASTRAY}"
        for row in await connection.fetch(_DEFINERS)
        if re.search(rf"(?<!\w){re.escape(row['name'])}(?!\w)", called)
    ]
