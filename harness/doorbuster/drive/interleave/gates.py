"""The gates at which buyers stop, and the scheduler that runs inside the server.

A yield counts up its buyer's own sequence (which no rollback takes back) and passes the gate with that number: a shared
advisory lock, taken and given back. The scheduler holds the next gate of each buyer, so each stops at every yield. It
never waits for anything itself, so it is no part of any deadlock. A whole schedule is one call of ``run``: it lets one
buyer go on after the other, and sees in the table of locks, all of it at one instant, when nobody moves any more: each
buyer then waits at his gate, for another buyer, or, with his order answered, at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from doorbuster.instrument.yields import Yields
from doorbuster.record.catalogue import Table

SCHEMA = "doorbuster_gate"
ME = f"{SCHEMA}.me"  # the session's setting that makes it buyer 1, 2, …; without it every gate is open
GATE = 0x0D00B100  # the advisory locks' first key, plus the buyer; the second is the number of the yield
END = GATE + 0x10  # plus the buyer; the second is the number of the schedule
ENTRY = 0  # the point before a call
LIMIT_MS = 10_000

_SETUP = f"""
create schema {SCHEMA};
grant usage on schema {SCHEMA} to public;
create function {SCHEMA}.reach(point integer) returns boolean
    language plpgsql security definer set lock_timeout = 0 as $reach$
declare
    me text := current_setting('{ME}', true);
    number integer;
begin
    if coalesce(me, '') = '' or current_setting('transaction_read_only') = 'on' then
        return false;
    end if;
    perform setval(('{SCHEMA}.at_' || me)::regclass, point + 1);
    number := nextval(('{SCHEMA}.count_' || me)::regclass);
    perform pg_advisory_lock_shared({GATE} + me::integer, number);
    perform pg_advisory_unlock_shared({GATE} + me::integer, number);
    return false;
end;
$reach$;
create function {SCHEMA}.reach() returns trigger language plpgsql security definer as $reach$
begin
    if {SCHEMA}.reach(tg_argv[0]::integer) then end if;
    return null;
end;
$reach$;

-- Hold the first gate of each buyer, and the end of the schedule.
create function {SCHEMA}.arm(buyers integer, schedule integer) returns void language plpgsql as $arm$
declare
    number integer;
begin
    for b in 1 .. buyers loop
        execute format('select last_value + is_called::integer from {SCHEMA}.count_%s', b) into number;
        perform pg_advisory_lock({GATE} + b, number), pg_advisory_lock({END} + b, schedule);
    end loop;
end;
$arm$;

-- One row a step: who was let go, from which point, who stood at his gate and who slept then, who waited for another
-- afterwards, and whether the step did more than its own statement: ended an order, or let somebody go on. Columns of
-- buyers are sums of powers of two.
create function {SCHEMA}.run(
    pids integer[], choices integer[], sleeping integer, independent boolean[], points integer, schedule integer,
    out chosen integer[], out point integer[], out ready integer[], out asleep integer[], out waiting integer[],
    out ended boolean[], out problem text
) language plpgsql as $run$
declare
    n constant integer := cardinality(pids);
    gate integer[];
    stands integer[] := array_fill(0, array[n]);
    sleep integer := 0;
    now_ready integer;
    now_waiting integer;
    done integer := 0;
    before_done integer;
    before_waiting integer;
    chooses integer := 0;
    step integer := 0;
    started constant timestamptz := clock_timestamp();
    lock record;
    b integer;
    free integer;
    stuck boolean;
    found integer;
begin
    chosen := '{{}}'; point := '{{}}'; ready := '{{}}'; asleep := '{{}}'; waiting := '{{}}'; ended := '{{}}';
    gate := array_fill(0, array[n]);
    for i in 1 .. n loop  -- the gate that is held; buyers may be there by now
        select l.objid::bigint into found from pg_lock_status() l
        where l.locktype = 'advisory' and l.granted and l.pid = pg_backend_pid() and l.classid::bigint = {GATE} + i;
        gate[i] := found;
    end loop;
    loop
        -- Until nobody moves.
        loop
            now_ready := 0; now_waiting := 0; done := 0;
            for lock in
                select l.pid, l.locktype, l.classid::bigint as class, l.objid::bigint as number
                from pg_lock_status() l where not l.granted and l.pid = any(pids)
            loop
                b := array_position(pids, lock.pid);
                if lock.locktype = 'advisory' and lock.class = {END} + b then
                    done := done | (1 << (b - 1));
                elsif lock.locktype = 'advisory' and lock.class = {GATE} + b then
                    if lock.number = gate[b] then
                        now_ready := now_ready | (1 << (b - 1));
                    end if;
                else
                    now_waiting := now_waiting | (1 << (b - 1));
                end if;
            end loop;
            if (now_ready | now_waiting | done) = (1 << n) - 1 then
                if now_waiting = 0 then
                    exit;
                end if;
                -- Each who waits must wait for one who stands at a gate, over however many others; else it is a circle
                -- that the server is about to break, or a lock of somebody else.
                free := now_ready;
                loop
                    stuck := true;
                    for i in 1 .. n loop
                        if now_waiting & (1 << (i - 1)) > 0 and free & (1 << (i - 1)) = 0 and exists (
                            select from unnest(pg_blocking_pids(pids[i])) as blocker(pid)
                            where free & (1 << (coalesce(array_position(pids, blocker.pid), 31) - 1)) > 0
                        ) then
                            free := free | (1 << (i - 1));
                            stuck := false;
                        end if;
                    end loop;
                    exit when stuck;
                end loop;
                exit when free = (now_ready | now_waiting);
            end if;
            if clock_timestamp() > started + interval '{LIMIT_MS} ms' then
                problem := format('nobody got on within {LIMIT_MS} ms: at a gate %s, waiting %s, done %s, step %s',
                                  now_ready, now_waiting, done, step);
                exit;
            end if;
        end loop;
        if step > 0 then
            waiting := waiting || now_waiting;
            ended := ended || ((done & ~before_done) | (before_waiting & ~now_waiting) > 0);
            if ended[step] then
                sleep := 0;
            end if;
        end if;
        exit when done = (1 << n) - 1 or problem is not null;
        for i in 1 .. n loop
            if now_ready & (1 << (i - 1)) > 0 then
                execute format('select last_value - 1 from {SCHEMA}.at_%s', i) into found;
                stands[i] := found;
            end if;
        end loop;
        step := step + 1;
        if step = cardinality(choices) + 1 then
            sleep := sleeping;
        end if;
        if step <= cardinality(choices) then
            b := choices[step];
            if now_ready & (1 << (b - 1)) = 0 then
                problem := format('step %s: buyer %s is not at a gate', step, b);
            end if;
        end if;
        if step > cardinality(choices) or problem is not null then
            -- Whoever ran last goes on if he can, else the first who can; those who sleep only if nobody else can.
            b := 0;
            for i in 0 .. n loop
                continue when i = 0 and chooses = 0;
                if now_ready & ~sleep & (1 << (case when i = 0 then chooses else i end - 1)) > 0 then
                    b := case when i = 0 then chooses else i end;
                    exit;
                end if;
            end loop;
            if b = 0 then
                for i in 1 .. n loop
                    if now_ready & (1 << (i - 1)) > 0 then
                        b := i;
                        exit;
                    end if;
                end loop;
            end if;
        end if;
        chosen := chosen || b; point := point || stands[b]; ready := ready || now_ready; asleep := asleep || sleep;
        if step > cardinality(choices) and independent is not null then
            for i in 1 .. n loop
                if sleep & (1 << (i - 1)) > 0 and (i = b or not independent[stands[i] * points + stands[b] + 1]) then
                    sleep := sleep & ~(1 << (i - 1));
                end if;
            end loop;
        end if;
        chooses := b;
        before_done := done; before_waiting := now_waiting;
        perform pg_advisory_lock({GATE} + b, gate[b] + 1), pg_advisory_unlock({GATE} + b, gate[b]);
        gate[b] := gate[b] + 1;
    end loop;
    -- The next schedule is armed before anybody is let go.
    for i in 1 .. n loop
        perform pg_advisory_lock({END} + i, schedule + 1), pg_advisory_unlock({END} + i, schedule);
    end loop;
end;
$run$;
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A yield by its number: in words, and in which function (None: a trigger, or the place before a call)."""

    number: int
    words: str
    function: str | None = None


async def install(
    connection: asyncpg.Connection, functions: Sequence[Yields], tables: Sequence[Table], buyers: int
) -> tuple[Point, ...]:
    """Put gates into the functions of the connection's database, or, where there are none, around writes to ``tables``.

    A trigger's name decides when it fires among others of its table; these come last.
    """
    await connection.execute(_SETUP)
    for buyer in range(1, buyers + 1):
        for name in ("count", "at"):
            sequence = f"{SCHEMA}.{name}_{buyer}"  # a new one gives its first number twice
            await connection.execute(f"create sequence {sequence}; select nextval('{sequence}')")
    points = [Point(ENTRY, "before the call")]
    for one in functions:
        await connection.execute(one.function.marked(f"{SCHEMA}.reach", len(points)))
        points += [Point(len(points) + n, mark.words, one.function.name) for n, mark in enumerate(one.function.marks)]
    if not functions:
        for table in tables:
            for operation in ("insert", "update", "delete"):
                for time in ("before", "after"):
                    await connection.execute(
                        f"create trigger zz_doorbuster_{time}_{operation} {time} {operation} on {table.printed}"
                        f" for each statement execute function {SCHEMA}.reach('{len(points)}')"
                    )
                    points.append(Point(len(points), f"{time} {operation} of {table.name}"))
    return tuple(points)
