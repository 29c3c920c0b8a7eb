-- check: deadlock
-- means: The server had to kill one of several orders that waited for each other in a circle.
-- sound: Taken from the server's own log, not from an answer: an error that somebody raised with the same code does not count,
--   and neither does a circle in which a session takes part that placed no order. It convicts only where the scenario
--   requires its absence, as one of crossed carts does; elsewhere a retry makes up for it, and it is a warning. Deadlocks that
--   the server counted but did not log (the function caught the error) are a warning everywhere.
-- exercised by: Attempts at different orders that ran at the same time and shared two products.

-- violations
with circle as (
    select deadlock, any_value(at_us) as at_us, string_agg(detail, ' | ' order by is_victim desc, pid) as detail,
           bool_and(pid in (select backend_pid from attempts)) as only_orders,
           max(pid) filter (is_victim) as victim
    from deadlocks group by deadlock
), counted as (
    select coalesce(sum(value), 0) - (select count(*) from circle) as hidden from counters where name = 'deadlocks'
)
select (select arg_min(order_key, abs(coalesce(returned_us, at_us) - at_us)) from attempts
        where backend_pid = victim) as order_key, clock(at_us) as happened_at, detail,
       not exists (select 1 from required where name = 'deadlock') as only_a_warning
from circle where only_orders
union all
select null, null, format('{} more deadlocks were counted than logged', hidden), true from counted where hidden > 0
order by only_a_warning, happened_at;

-- exercised
with shared as (
    select a.order_key as one, b.order_key as other
    from carts a join carts b on a.product = b.product and a.order_key < b.order_key
    where a.order_key in (select order_key from carts group by order_key having count(*) > 1)
    group by a.order_key, b.order_key having count(*) > 1
    limit 100000
)
select count(*) from shared join attempts a on a.order_key = one join attempts b on b.order_key = other
where a.invoked_us < coalesce(b.returned_us, 9223372036854775807) and b.invoked_us < coalesce(a.returned_us, 9223372036854775807);
