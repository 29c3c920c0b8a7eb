-- check: ghost_order
-- without a log: convicts
-- means: A buyer was told a definite no, yet the transaction of that very attempt left an order, stock taken, or a movement.
-- sound: Only commits that carry the attempt's own tag count, and only their net effect on a product or an order: a flow that
--   takes back by hand what it did leaves none, and neither does a tag without rows. An order whose transaction carries no
--   tag counts if every attempt of its key that had begun by then was told a definite no.
-- exercised by: Attempts that were answered with a definite no.

-- violations
with denied as (
    select attempt, commit from rest.commits semi join (
        select attempt from rest.attempts where outcome in ('sold_out', 'refused', 'aborted', 'error')) using (attempt)
), trace as (
    select attempt, commit, 'order ' || order_id as thing, delta as live, 0 as units, 0 as stock, 0 as moved
    from denied join rest.order_events using (commit)
    union all
    select attempt, commit, 'line ' || order_id || ' ' || product, 0, delta, 0, 0 from denied join rest.line_events using (commit)
    union all
    select attempt, commit, 'stock ' || product, 0, 0, delta, 0 from denied join rest.stock using (commit)
    union all
    select attempt, commit, 'movement ' || product, 0, 0, 0, delta from denied join rest.movement_events using (commit)
), effect as (
    select attempt, sum(live) as live_orders, sum(units) as units, sum(stock) as stock_change, sum(moved) as movements,
           max(commit) as commit
    from trace group by attempt, thing
    having sum(live) <> 0 or sum(units) <> 0 or sum(stock) <> 0 or sum(moved) <> 0
), left_over as (
    select attempt, sum(live_orders) as live_orders, sum(units) as units, sum(stock_change) as stock_change,
           sum(movements) as movements, max(commit) as commit, 'tag' as tied_by
    from effect group by attempt
    union all
    select strays.attempt, 1, null, null, null, strays.born, strays.attributed_by
    from strays join rest.orders using (order_id) join rest.attempts on attempts.order_key = strays.order_key
    where invoked_us <= born_us
    group by all having bool_and(outcome in ('sold_out', 'refused', 'aborted', 'error'))
)
select order_key, attempt, outcome as answered, code, message, live_orders, units, stock_change, movements,
       left_over.commit, lsn, tied_by, clock(invoked_us) as invoked, clock(returned_us) as returned
from left_over join rest.attempts using (attempt) join rest.commits on commits.commit = left_over.commit
order by left_over.commit;

-- exercised
select count(*) from rest.attempts where outcome in ('sold_out', 'refused', 'aborted', 'error');
