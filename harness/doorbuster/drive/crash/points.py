"""The points of a checkout at which something can be made to happen.

In a PL/pgSQL function they stand before every statement. Whatever else writes, such as a flow of plain statements, has
them in statement triggers on the contract's tables, before and after each write. What is to happen is a setting of the
buyer's own session, so that nobody else is touched; it happens inside the transaction, by the server itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import asyncpg

from doorbuster.instrument.functions import Function, read_functions
from doorbuster.instrument.triggers import trigger_function, triggers_of
from doorbuster.model.contract import Contract
from doorbuster.network.wire import Conversation
from doorbuster.record.catalogue import Table

SCHEMA = "doorbuster_crash"
SETTING = f"{SCHEMA}.at"
GATE = 0x0D00B057  # the advisory locks' first key
COUNT = "count"

# The setting reads "<kind> <point> <hit> <gate>"; a kind that nothing here knows
# waits at its gate, so that the harness can kill something.
_SETUP = f"""
create schema {SCHEMA};
grant usage on schema {SCHEMA} to public;
-- What is to happen in the next session of a shop's that comes there: over those we have no settings. At most one row.
create unlogged table {SCHEMA}.armed (wanted text not null);
create sequence {SCHEMA}.armed_hits;  -- counts on through a rollback
create function {SCHEMA}.reach(point integer) returns boolean language plpgsql security definer as $reach$
declare
    wanted text[] := string_to_array(nullif(current_setting('{SETTING}', true), ''), ' ');
    is_shop boolean := wanted is null and current_setting('application_name') not like 'doorbuster %';
    hit integer;
begin
    if is_shop then
        select string_to_array(a.wanted, ' ') into wanted from {SCHEMA}.armed a;
    end if;
    if coalesce(cardinality(wanted), 0) = 0 then
        return false;
    end if;
    if wanted[1] = '{COUNT}' then
        perform nextval(('{SCHEMA}.hits_' || point)::regclass);
        return false;
    end if;
    if wanted[2]::integer <> point then
        return false;
    end if;
    if is_shop then
        hit := nextval('{SCHEMA}.armed_hits');
    else
        hit := coalesce(nullif(current_setting('{SCHEMA}.hit', true), ''), '0')::integer + 1;
        perform set_config('{SCHEMA}.hit', hit::text, false);
    end if;
    if hit <> wanted[3]::integer then
        return false;
    end if;
    case wanted[1]
        when 'cancel' then
            perform pg_cancel_backend(pg_backend_pid()), pg_sleep(60);
        when 'terminate' then
            perform pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
        when 'statement_timeout' then
            if is_shop then
                raise exception 'canceling statement due to statement timeout (injected)' using errcode = '57014';
            end if;
            perform pg_sleep(60);
        when 'disk_full' then
            raise exception 'could not extend file: No space left on device (injected)' using errcode = '53100';
        when 'out_of_memory' then
            raise exception 'out of memory (injected)' using errcode = '53200';
        when 'serialization_failure' then
            raise exception 'could not serialize access (injected)' using errcode = '40001';
        else
            if wanted[1] = 'lock_timeout' then
                perform set_config('lock_timeout', '20ms', true);
            end if;
            perform pg_advisory_lock({GATE}, wanted[4]::integer);
            perform pg_advisory_unlock({GATE}, wanted[4]::integer);
    end case;
    return false;
end;
$reach$;
{trigger_function(SCHEMA)}"""


@dataclass(frozen=True, slots=True)
class Point:
    """One point, by its number, and in words: ``before insert into orders``, or a function's line.

    ``function`` is the signature of the one it stands in; None for a trigger. ``gap_at_byte`` makes it one between two
    calls of a flow, after that many bytes of requests.
    """

    number: int
    words: str
    function: str | None = None
    gap_at_byte: int | None = None


def points_of(functions: Sequence[Function], tables: Sequence[Table]) -> tuple[Point, ...]:
    """Every point of these functions and tables, in that order, numbered from 1."""
    told: list[tuple[str, str | None]] = [(mark.words, f.name) for f in functions for mark in f.marks]
    told += [(trigger.words, None) for table in tables for trigger in triggers_of(table.printed, table.name)]
    return tuple(Point(number, words, function) for number, (words, function) in enumerate(told, 1))


async def arm(connection: asyncpg.Connection, wanted: str | None) -> None:
    """Have ``wanted`` happen once in the session of a shop that comes there next; None: nothing any more."""
    await connection.execute(f"delete from {SCHEMA}.armed; select setval('{SCHEMA}.armed_hits', 1, false)")
    if wanted is not None:
        await connection.execute(f"insert into {SCHEMA}.armed values ($1)", wanted)


async def install(connection: asyncpg.Connection, tables: Sequence[Table]) -> tuple[Point, ...]:
    """Put the points into the connection's database."""
    functions = await read_functions(connection, SCHEMA)
    await connection.execute(_SETUP)
    found = points_of(functions, tables)
    for point in found:
        await connection.execute(f"create sequence {SCHEMA}.hits_{point.number}")
    number = 1
    for function in functions:
        await connection.execute(function.marked(f"{SCHEMA}.reach", number))
        number += len(function.marks)
    for table in tables:
        for trigger in triggers_of(table.printed, table.name):
            await connection.execute(trigger.sql(SCHEMA, number))
            number += 1
    return found


def gaps(contract: Contract, conversation: Conversation, first: int) -> tuple[Point, ...]:
    """The points between the calls of a flow whose clean ``conversation`` is known, numbered from ``first``."""
    calls = contract.place.call_names
    ends = {message.exchange: message.end for message in conversation.up}
    return tuple(
        Point(first + n, f"between {before} and {after}", gap_at_byte=ends[n])
        for n, (before, after) in enumerate(pairwise(calls))
        if n + 1 in ends
    )


def needed(points: Sequence[Point], reached: Mapping[int, int], *, single_call: bool) -> dict[int, int]:
    """The points to go to, of those that a clean order ``reached``, with how often it did.

    Where one call goes through a function whose statements are points, the triggers would say the same again.
    """
    inside = {point.number for point in points if point.function is not None and point.number in reached}
    return {n: times for n, times in reached.items() if n in inside or not (inside and single_call)}


async def hits(connection: asyncpg.Connection, points: Sequence[Point]) -> dict[int, int]:
    """How often each point was reached by sessions that count, by number; only points that were."""
    found = {}
    for point in points:
        number = await connection.fetchval(
            f"select case when is_called then last_value else 0 end from {SCHEMA}.hits_{point.number}"
        )
        if number:
            found[point.number] = int(number)
    return found
