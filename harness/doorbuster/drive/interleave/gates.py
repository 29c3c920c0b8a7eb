"""The gates at which buyers stop.

A yield counts up its buyer's own sequence (which no rollback takes back) and passes the gate with that number: a shared
advisory lock, taken and given back. The scheduler holds the gate at which a buyer is to stop, and no other: an open one
costs next to nothing. It never waits for anything itself, so it is no part of any deadlock. A second sequence of each
buyer remembers which yields were passed since the scheduler last looked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from doorbuster.drive.interleave.scheduler import scheduler_sql
from doorbuster.instrument.footprint import Footprint, relation
from doorbuster.instrument.triggers import trigger_function, triggers_of
from doorbuster.instrument.yields import Yields
from doorbuster.model.interleave import Isolation
from doorbuster.record.catalogue import Table

SCHEMA = "doorbuster_gate"
ME = f"{SCHEMA}.me"  # the session's setting that makes it buyer 1, 2, …; without it every gate is open
GATE = 0x0D00B100  # the advisory locks' first key, plus the buyer; the second is the number of the yield
END = GATE + 0x10  # plus the buyer; the second is the number of the schedule
ENTRY = 0  # the point before a call
MOST_BUYERS = 4

# A circle of waiting buyers is broken by the server when one of them has waited that long. So that it is always the one
# who closed the circle, and soon: whoever steps while somebody waits looks at once, and everybody else late.
TENSE_MS, CALM_MS = 1, 200


@dataclass(frozen=True, slots=True)
class Point:
    """A yield by its number: in which function (None: a trigger, or the place before a call), in which of its lines."""

    number: int
    text: str
    function: str | None = None
    line: int | None = None


async def install(
    connection: asyncpg.Connection, functions: Sequence[Yields], tables: Sequence[Table], *, triggers: bool
) -> tuple[Point, ...]:
    """Put gates into ``functions``, and with ``triggers`` around all writes to ``tables``."""
    points = [Point(ENTRY, "before the call")]
    wanted = []
    for one in functions:
        wanted.append(one.function.marked(f"{SCHEMA}.reach", len(points)))
        points += [
            Point(len(points) + n, mark.text or mark.words, one.function.name, mark.line)
            for n, mark in enumerate(one.function.marks)
        ]
    for table in tables if triggers else ():
        for trigger in triggers_of(table.printed, table.name):
            wanted.append(trigger.sql(SCHEMA, len(points)))
            points.append(Point(len(points), trigger.words))
    version = int(await connection.fetchval("show server_version_num"))
    may_break_circles = bool(await connection.fetchval("select rolsuper from pg_roles where rolname = current_user"))
    await connection.execute(_setup(len(points), "unlogged" if version >= 150000 else "", may_break_circles))
    for sql in wanted:
        await connection.execute(sql)
    for table in tables:  # who cleans up locks tables, and is no buyer
        await connection.execute(
            f"do $$ begin alter table {table.printed} set (autovacuum_enabled = off);"
            " exception when wrong_object_type or invalid_parameter_value then null; end $$"
        )
    return tuple(points)


async def tell_relations(
    connection: asyncpg.Connection, footprints: Sequence[Footprint], isolation: Sequence[Isolation]
) -> None:
    """Leave in the database which steps can change places, at each level."""
    for level in isolation:
        found = relation(footprints, level)
        await connection.execute(
            f"insert into {SCHEMA}.relations values ($1, $2, $3)", level, list(found.independent), list(found.apart)
        )


def most_at_once(points: int) -> int:
    """How many yields a buyer's second sequence can remember."""
    return int(62 / math.log2(points + 1))


def _setup(points: int, unlogged: str, may_break_circles: bool) -> str:
    buyers = range(1, MOST_BUYERS + 1)
    sequences = "".join(
        f"create {unlogged} sequence {SCHEMA}.{name}_{b}; select nextval('{SCHEMA}.{name}_{b}');\n"
        for b in buyers for name in ("count", "path")
    )  # fmt: skip
    counts, paths = (
        "(array[" + ", ".join(f"'{SCHEMA}.{name}_{b}'" for b in buyers) + "]::regclass[])" for name in ("count", "path")
    )
    base = points + 1
    room = 2**62 // base
    tense = f"pg_sequence_last_value('{SCHEMA}.tense') = 2"
    circles = f"""
    if ({tense}) is distinct from (current_setting('deadlock_timeout') = '{TENSE_MS}ms') then
        perform set_config('deadlock_timeout', case when {tense} then '{TENSE_MS}ms' else '{CALM_MS}ms' end, false);
    end if;"""
    return f"""
create schema {SCHEMA};
grant usage on schema {SCHEMA} to public;
create unlogged table {SCHEMA}.relations (isolation text primary key, independent boolean[], apart boolean[]);
{sequences}
create {unlogged} sequence {SCHEMA}.tense; select nextval('{SCHEMA}.tense');
create {unlogged} sequence {SCHEMA}.armed; select nextval('{SCHEMA}.armed');
create function {SCHEMA}.reach(point integer) returns boolean
    language plpgsql security definer set lock_timeout = 0 as $reach$
declare
    me constant integer := nullif(current_setting('{ME}', true), '')::integer;
    number bigint;
begin
    if me is null or current_setting('transaction_read_only') = 'on' then
        return false;
    end if;
    number := pg_sequence_last_value({paths}[me]);
    if number < {room} then
        number := setval({paths}[me], number * {base} + point);
    end if;
    number := nextval({counts}[me]);
    perform pg_advisory_lock_shared({GATE} + me, number::integer);
    perform pg_advisory_unlock_shared({GATE} + me, number::integer);{circles if may_break_circles else ""}
    return false;
end;
$reach$;
{trigger_function(SCHEMA)}{scheduler_sql(SCHEMA, GATE, END, counts, paths, points)}
"""
