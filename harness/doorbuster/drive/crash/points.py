"""The points of a checkout at which something can be made to happen: before and after every statement that writes.

Each is a statement trigger on one of the contract's tables, so it needs nothing of the function, which stays as it is,
and works as well for a flow of plain statements. What is to happen is a setting of the buyer's own session, so that
nobody else is touched; it happens inside the statement's transaction, by the server itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from doorbuster.record.catalogue import Table

SCHEMA = "doorbuster_crash"
SETTING = f"{SCHEMA}.at"
GATE = 0x0D00B057  # the advisory locks' first key
COUNT = "count"
_TIMES = {"b": "before", "a": "after"}
_OPERATIONS = ("insert", "update", "delete")

# $1 of a trigger is the point's number. The setting reads "<kind> <point> <hit> <gate>"; a kind that nothing here knows
# waits at its gate, so that the harness can kill something.
_SETUP = f"""
create schema {SCHEMA};
grant usage on schema {SCHEMA} to public;
create function {SCHEMA}.reach() returns trigger language plpgsql security definer as $reach$
declare
    wanted text[] := string_to_array(current_setting('{SETTING}', true), ' ');
    hit integer;
begin
    if coalesce(cardinality(wanted), 0) = 0 then
        return null;
    end if;
    if wanted[1] = '{COUNT}' then
        perform nextval(('{SCHEMA}.hits_' || tg_argv[0])::regclass);
        return null;
    end if;
    if wanted[2] <> tg_argv[0] then
        return null;
    end if;
    hit := coalesce(nullif(current_setting('{SCHEMA}.hit', true), ''), '0')::integer + 1;
    perform set_config('{SCHEMA}.hit', hit::text, false);
    if hit <> wanted[3]::integer then
        return null;
    end if;
    case wanted[1]
        when 'cancel' then
            perform pg_cancel_backend(pg_backend_pid()), pg_sleep(60);
        when 'terminate' then
            perform pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
        when 'statement_timeout' then
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
    return null;
end;
$reach$;
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One point, by its number, and in words such as ``before insert into orders``."""

    number: int
    words: str


def points_of(tables: Sequence[Table]) -> tuple[Point, ...]:
    """Every point of these tables."""
    found: list[Point] = []
    for table in tables:
        for operation in _OPERATIONS:
            link = {"insert": "into", "update": "of", "delete": "from"}[operation]
            for time in _TIMES.values():
                found.append(Point(len(found) + 1, f"{time} {operation} {link} {table.name}"))
    return tuple(found)


async def install(connection: asyncpg.Connection, tables: Sequence[Table]) -> tuple[Point, ...]:
    """Put the points into the connection's database.

    A trigger's name decides when it fires among others of its table; these come last.
    """
    await connection.execute(_SETUP)
    found = points_of(tables)
    numbers = iter(found)
    for table in tables:
        for operation in _OPERATIONS:
            for letter, time in _TIMES.items():
                number = next(numbers).number
                await connection.execute(
                    f"create sequence {SCHEMA}.hits_{number};"
                    f"create trigger zz_doorbuster_{letter}_{operation} {time} {operation} on {table.printed}"
                    f" for each statement execute function {SCHEMA}.reach('{number}')"
                )
    return found


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
