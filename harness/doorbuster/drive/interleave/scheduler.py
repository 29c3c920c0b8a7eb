"""The scheduler, which runs inside the server: a whole schedule is one call of ``run``.

It lets one buyer go on after the other, and sees in the table of locks, all of it at one instant, when nobody moves any
more: each buyer then waits at the gate that is held, for another buyer, or is done. A buyer who is to take several
steps in a row is stopped only after the last: what he passed is in his sequence.
"""

import math

LIMIT_MS = 10_000
SPINS = 16


def scheduler_sql(schema: str, gate: int, end: int, counts: str, paths: str, points: int) -> str:
    """The functions ``arm`` and ``run`` in ``schema``.

    ``gate`` and ``end`` are the first keys of the advisory locks; ``counts`` and ``paths`` are arrays of the buyers'
    sequences, as SQL; ``points`` is the number of yields.
    """
    base = points + 1
    most = int(62 / math.log2(base))
    return f"""
-- Hold the next gate of each buyer, and the end of the schedule.
create function {schema}.arm(buyers integer, schedule integer) returns void language plpgsql as $arm$
begin
    for b in 1 .. buyers loop
        perform setval({paths}[b], 1);
        perform pg_advisory_lock({gate} + b, pg_sequence_last_value({counts}[b])::integer + 1),
                pg_advisory_lock({end} + b, schedule);
    end loop;
    perform setval('{schema}.armed', (extract(epoch from clock_timestamp()) * 1000000)::bigint);
end;
$arm$;

-- For each of these buyers, on a line: who waits, for whom, and for what: a row of a table, or another's end.
create function {schema}.who_waits(pids integer[], buyers integer) returns text language sql as $who$
    select string_agg(format('%s|%s|%s', b,
        (select string_agg(coalesce(array_position(pids, blocker)::text, 'another session'), ',')
         from unnest(pg_blocking_pids(pids[b])) as blocker),
        (select min(coalesce(l.relation::regclass::text, l.locktype)) from pg_lock_status() l
         where l.pid = pids[b] and (l.locktype = 'tuple' or not l.granted and l.locktype <> 'transactionid'))), e'\n')
    from generate_series(1, cardinality(pids)) as b where buyers & (1 << (b - 1)) > 0;
$who$;

-- One element of the arrays a step: who was let go, from which point, who stood at a gate and who slept then, who
-- waited for another afterwards, whether the step did more than its own statement (ended an order, or let somebody go
-- on), who was done afterwards, and who then began to wait for whom and for what. Columns of buyers are sums of powers
-- of two.
--   choices     who is let go, step by step; afterwards whoever ran last goes on while he can, then the first who can
--   sleeping    who sleeps before the last of the choices; level: by which relation they wake up (null: nobody sleeps)
--   priorities  a number a buyer, the highest runs first; changes: before which steps he who would run becomes the last
--   strides     whether several steps may be taken at once; has_end: whether buyers wait at the end of the schedule
create function {schema}.run(
    pids integer[], choices integer[], sleeping integer, level text, priorities integer[], changes integer[],
    strides boolean, has_end boolean, schedule integer,
    out chosen integer[], out point integer[], out ready integer[], out asleep integer[], out waiting integer[],
    out ended boolean[], out finished integer[], out waits text[], out problem text,
    out leaked boolean
) language plpgsql as $run$
declare
    n constant integer := cardinality(pids);
    all_of constant integer := (1 << n) - 1;
    given constant integer := cardinality(choices);
    started constant timestamptz := clock_timestamp();
    armed constant bigint := pg_sequence_last_value('{schema}.armed');
    independent boolean[];
    apart boolean[];
    gates integer[] := array_fill(0, array[n]);   -- the gate that is held
    stands integer[] := array_fill(0, array[n]);  -- the point of that gate
    sleep integer := 0;
    alive integer; now_ready integer; now_waiting integer := 0; done integer := 0;
    before_done integer; before_waiting integer; before_ready integer;
    step integer := 0;
    tense boolean := pg_sequence_last_value('{schema}.tense') = 2;
    b integer := 0;
    stride integer;
    taken integer;
    passed bigint;
    path integer[];
    others integer;
    free integer;
    stuck boolean;
    last integer := 0;
    polls integer;
    came integer := 0;  -- who has been at his first gate
begin
    chosen := '{{}}'; point := '{{}}'; ready := '{{}}'; asleep := '{{}}'; waiting := '{{}}'; ended := '{{}}';
    finished := '{{}}'; waits := '{{}}';
    if level is not null then
        select r.independent, r.apart into independent, apart from {schema}.relations r where r.isolation = level;
    end if;
    for i in 1 .. n loop  -- buyers may be on their way to it by now
        select l.objid::bigint into passed from pg_lock_status() l
        where l.locktype = 'advisory' and l.granted and l.pid = pg_backend_pid() and l.classid::bigint = {gate} + i;
        gates[i] := passed;
    end loop;
    loop
        -- Until nobody moves. Who counted up to the gate that is held is there: he cannot pass it.
        polls := 0;
        loop
            polls := polls + 1;
            now_ready := 0;
            for i in 1 .. n loop
                if pg_sequence_last_value({counts}[i]) >= gates[i] then
                    now_ready := now_ready | (1 << (i - 1));
                end if;
            end loop;
            if b = 0 then
                exit when now_ready = all_of;
            elsif strides and now_ready & (1 << (b - 1)) > 0 then  -- he gave no lock back, so nobody else moved
                now_waiting := before_waiting; done := before_done;
                exit;
            end if;
            continue when polls % {SPINS} <> 0;  -- a look at the locks costs more than all of that
            if polls > {SPINS} * 30 then  -- the machine is busy: leave it to those who are waited for
                perform pg_sleep(0.0005);
            end if;
            came := came | now_ready;
            select coalesce(bit_or(1 << (l.b - 1)) filter (where l.granted), 0),
                   coalesce(bit_or(1 << (l.b - 1)) filter (
                       where not l.granted and l.class is distinct from {gate} + l.b
                         and l.class is distinct from {end} + l.b), 0),
                   coalesce(bit_or(1 << (l.b - 1)) filter (where l.class = {end} + l.b), 0)
            into alive, now_waiting, done
            from (select array_position(pids, s.pid) as b, s.granted,
                         case when s.locktype = 'advisory' then s.classid::bigint end as class
                  from pg_lock_status() s
                  where (not s.granted or s.locktype = 'virtualxid') and s.pid = any (pids)) l;
            if not has_end then
                for i in 1 .. n loop
                    -- Whoever holds not even the lock of his own transaction has none.
                    if alive & (1 << (i - 1)) = 0 and (came & (1 << (i - 1)) > 0 or exists (
                        select from pg_stat_get_activity(pids[i]) a
                        where a.state = 'idle' and extract(epoch from a.query_start) * 1000000 > armed
                    )) then
                        done := done | (1 << (i - 1));
                    end if;
                end loop;
                perform pg_stat_clear_snapshot();
            end if;
            if (now_ready | now_waiting | done) = all_of then
                exit when now_waiting = 0;
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
        came := all_of;
        -- What the last who was let go did.
        if b > 0 then
            passed := pg_sequence_last_value({paths}[b]);
            path := '{{}}';
            while passed > 1 loop
                path := (passed % {base})::integer || path;
                passed := passed / {base};
            end loop;
            path := stands[b] || path;
            taken := case when now_ready & (1 << (b - 1)) > 0 then cardinality(path) - 1 else cardinality(path) end;
            others := (done & ~before_done) | (before_waiting & ~now_waiting);
            for i in 1 .. taken loop
                step := step + 1;
                if step = greatest(given, 1) and level is not null then
                    sleep := sleeping;
                end if;
                chosen := chosen || b; point := point || path[i]; ready := ready || before_ready;
                asleep := asleep || sleep;
                waiting := waiting || case when i = taken then now_waiting else before_waiting end;
                ended := ended || (i = taken and others > 0);
                finished := finished || case when i = taken then done else before_done end;
                waits := waits || case when i = taken and now_waiting & ~before_waiting > 0
                                       then {schema}.who_waits(pids, now_waiting & ~before_waiting) end;
                if sleep > 0 then
                    sleep := sleep & ~(1 << (b - 1));
                    for s in 1 .. n loop
                        if sleep & (1 << (s - 1)) > 0 and (
                            not independent[path[i] * {points} + stands[s] + 1]
                            or ended[step] and exists (
                                select from unnest(chosen, point) as u(c, p)
                                where (c = b or others & (1 << (c - 1)) > 0)
                                  and not apart[p * {points} + stands[s] + 1])
                        ) then
                            sleep := sleep & ~(1 << (s - 1));
                        end if;
                    end loop;
                end if;
            end loop;
            if now_ready & (1 << (b - 1)) > 0 then
                stands[b] := path[cardinality(path)];
            end if;
            last := b;
            b := 0;
        else
            for i in 1 .. n loop
                if now_ready & (1 << (i - 1)) > 0 then
                    stands[i] := (pg_sequence_last_value({paths}[i]) % {base})::integer;
                end if;
            end loop;
        end if;
        if step > 0 and others > 0 then
            for i in 1 .. n loop
                if i <> last and others & now_ready & (1 << (i - 1)) > 0 then
                    stands[i] := (pg_sequence_last_value({paths}[i]) % {base})::integer;
                end if;
            end loop;
        end if;
        -- Who stopped before the gate that is held must not run through to it later.
        for i in 1 .. n loop
            if now_ready & (1 << (i - 1)) = 0 and problem is null then
                taken := pg_sequence_last_value({counts}[i])::integer + 1;
                if taken < gates[i] then
                    perform pg_advisory_lock({gate} + i, taken), pg_advisory_unlock({gate} + i, gates[i]);
                    gates[i] := taken;
                end if;
            end if;
        end loop;
        exit when done = all_of or problem is not null;
        -- Who is next, and for how many steps.
        stride := 1;
        if step < given then
            b := choices[step + 1];
            if now_ready & (1 << (b - 1)) = 0 then
                problem := format('step %s: buyer %s is not at a gate', step + 1, b);
                b := 0;
                exit;
            end if;
            if strides then
                while step + stride < given and choices[step + stride + 1] = b loop
                    stride := stride + 1;
                end loop;
                if step + stride >= given and priorities is null then
                    stride := {most};
                end if;
            end if;
        elsif priorities is not null then
            for turn in 1 .. 2 loop
                b := 0;
                for i in 1 .. n loop
                    if now_ready & (1 << (i - 1)) > 0 and (b = 0 or priorities[i] > priorities[b]) then
                        b := i;
                    end if;
                end loop;
                exit when turn = 2 or step + 1 <> all (changes);
                priorities[b] := -step - 1;
            end loop;
            if strides then
                select coalesce(min(c), step + 1 + {most}) - step - 1 into stride
                from unnest(changes) as c where c > step + 1;
            end if;
        else
            if last > 0 and now_ready & ~sleep & (1 << (last - 1)) > 0 then
                b := last;
            else
                -- Those who sleep only if nobody else can.
                for i in 1 .. n loop
                    if now_ready & ~sleep & (1 << (i - 1)) > 0 then
                        b := i;
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
            if strides then
                stride := {most};
            end if;
        end if;
        stride := least(stride, {most});
        before_done := done; before_waiting := now_waiting; before_ready := now_ready;
        if (now_waiting > 0) <> tense then
            tense := now_waiting > 0;
            perform setval('{schema}.tense', case when tense then 2 else 1 end);
        end if;
        for i in 1 .. n loop
            if i = b or now_waiting & (1 << (i - 1)) > 0 then
                perform setval({paths}[i], 1);
            end if;
        end loop;
        perform pg_advisory_lock({gate} + b, gates[b] + stride), pg_advisory_unlock({gate} + b, gates[b]);
        gates[b] := gates[b] + stride;
    end loop;
    -- A lock that a session keeps would spoil what follows.
    leaked := exists (
        select from pg_lock_status() s
        where s.pid = any (pids) and s.granted and s.locktype = 'advisory'
          and s.classid::bigint not between {gate} + 1 and {end} + n);
    -- The next schedule is armed before anybody is let go.
    if problem is null then
        for i in 1 .. n loop
            perform setval({paths}[i], 1);
            perform pg_advisory_lock({end} + i, schedule + 1), pg_advisory_unlock({end} + i, schedule);
        end loop;
    end if;
    perform setval('{schema}.armed', (extract(epoch from clock_timestamp()) * 1000000)::bigint);
end;
$run$;
"""
