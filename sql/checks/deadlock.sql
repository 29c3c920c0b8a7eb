-- check: deadlock
-- means: The server had to kill one of several orders that waited for each other in a circle.
-- sound: Taken from the server's own log, not from an answer: an error that somebody raised with the same code does not count,
--   and neither does a circle in which a session takes part that placed no order. It convicts only where the scenario
--   requires its absence, as one of crossed carts does; elsewhere a retry makes up for it, and it is a warning. Deadlocks that
--   the server counted but did not log (the function caught the error) are a warning everywhere.
-- exercised by: Orders whose first attempt began while that of the order before it of two of the same products was under way.

-- violations
with buyer as (
    select distinct backend_pid from attempts semi join (select pid as backend_pid from deadlocks) using (backend_pid)
), circle as (
    select deadlock, any_value(at_us) as at_us, string_agg(detail, ' | ' order by is_victim desc, pid) as detail,
           bool_and(pid in (from buyer)) as only_orders,
           max(pid) filter (is_victim) as victim
    from deadlocks group by deadlock
), counted as (
    select coalesce(sum(value), 0) - (select count(*) from circle) as hidden from counters where name = 'deadlocks'
)
-- The log counts whole milliseconds, in which a session can end several attempts: the one that was told so, if one was.
select (select arg_min(order_key, (abs(coalesce(returned_us, at_us) - at_us), attempt)) from attempts
        where backend_pid = victim
          and (code = '40P01' or not exists (select 1 from attempts as other where other.backend_pid = victim
                                             and other.code = '40P01' and abs(other.returned_us - at_us) < 100000))
       ) as order_key, clock(at_us) as happened_at, detail,
       not exists (select 1 from required where name = 'deadlock') as only_a_warning
from circle where only_orders
union all
select null, null, format('{} more deadlocks were counted than logged', hidden), true from counted where hidden > 0
order by only_a_warning, happened_at;

-- exercised
select count(*) from crossed;
