-- check: deadlock
-- means: The server had to kill one of several orders that waited for each other in a circle.
-- sound: Taken from the server's own log, not from an answer: an error that somebody raised with the same code does not count,
--   and neither does a circle in which a session takes part that placed no order. It convicts only where the scenario
--   requires its absence, as one of crossed carts does; elsewhere a retry makes up for it, and it is a warning. Deadlocks that
--   the server counted but did not log (the function caught the error) are a warning everywhere.
-- exercised by: Orders during whose attempts another order of two of the same products was under way.

-- violations
with circle as (
    select deadlock, any_value(at_us) as at_us, string_agg(detail, ' | ' order by is_victim desc, pid) as detail,
           bool_and(pid in (select backend_pid from attempts)) as only_orders,
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
with item as (
    select order_key, line, coalesce(consumption.stock, product) as product, consumption.product is not null as is_part
    from request_lines left join consumption using (product) anti join half_known using (order_key)
), large as (   -- of a large cart the first eight products will do
    select order_key, line, product, is_part from item semi join (select order_key from item where line >= 8) using (order_key)
    qualify dense_rank() over (partition by order_key order by product) <= 8
), few as (
    from item anti join (select order_key from item where line >= 8) using (order_key)
    union all
    from large
), pair as (   -- each two products of a cart
    select order_key, least(one.product, other.product) as first_product, greatest(one.product, other.product) as second_product
    from few as other join (select * from few where line > 0 or is_part) as one using (order_key)
    where one.product <> other.product and (other.line, other.product) < (one.line, one.product)
), meeting as (   -- did another order of the same two begin earlier, and end later than this one began?
    select order_key, invoked_us, max(ended_us) over earlier as busy_until, arg_max(order_key, ended_us) over earlier as by_key
    from (select order_key, first_product, second_product, invoked_us,
                 coalesce(returned_us, 9223372036854775807) as ended_us from pair join attempts using (order_key))
    window earlier as (partition by first_product, second_product order by invoked_us, order_key
                       rows between unbounded preceding and 1 preceding)
)
select count(distinct order_key) from meeting where busy_until > invoked_us and by_key <> order_key;
