-- check: stale_commit
-- rests on: clock
-- means: An order was committed before its buyer asked for it, or after its buyer had been told that it was there.
-- sound: Buyers and server read one machine's wall clock. A commit takes its timestamp after it was asked for and before it is
--   acknowledged, so that of an acknowledged attempt lies inside it. An attempt without an answer never ends, so there only
--   the beginning counts; after a definite no the order is another check's business. An order that no tag ties to an attempt
--   must lie in the stretch of some attempt of its key. Whoever is given an order's id by a retry is told that it is there.
-- exercised by: Orders that are tied to an attempt.

-- violations
with outside as (
    select order_id, asked_us as invoked_us, told_us as returned_us, told as outcome
    from rest.orders
    where attributed_by = 'tag'
      and (born_us < asked_us or (told = 'ok' and born_us > told_us))
    union all
    select stray.order_id, min(invoked_us), max(returned_us), string_agg(outcome, ', ' order by attempts.attempt)
    from (select order_id, order_key, born_us from rest.orders where attributed_by in ('order_key', 'customer', 'order_id')) as stray
    join rest.attempts on attempts.order_key = stray.order_key
    group by stray.order_id, born_us
    having not bool_or(born_us >= invoked_us and (outcome <> 'ok' or born_us <= returned_us))
    union all   -- a retry was given this order before it was there
    select orders.order_id, invoked_us, returned_us, outcome
    from rest.orders join (
        select * from rest.attempts semi join (select order_key from rest.order_results where tries > 1) using (order_key)
        where outcome = 'ok') as attempts using (order_key)
    where attributed_by <> 'none' and attempts.order_id = orders.order_id and attempts.attempt is distinct from rest.orders.attempt and returned_us < born_us
)
select order_key, outside.order_id, orders.attempt, outcome as answered, born as commit, lsn, clock(born_us) as committed,
       clock(invoked_us) as invoked, clock(returned_us) as returned,
       case when born_us < invoked_us then format('{} us before it was asked for', invoked_us - born_us)
            else format('{} us after its answer', born_us - returned_us) end as problem
from outside join rest.orders using (order_id) join rest.commits on commits.commit = born
order by born;

-- exercised
select plain.orders + (select count(*) from rest.orders where not by_harness and attempt is not null) from plain;
