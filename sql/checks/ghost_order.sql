-- check: ghost_order
-- means: A buyer was told a definite no, yet the transaction of that very attempt left an order, stock taken, or a movement.
-- sound: Only commits that carry the attempt's own tag count, and only their net effect: a flow that takes back by hand what
--   it did leaves none, and neither does a tag without rows.
-- exercised by: Attempts that were answered with a definite no.

-- violations
with effect as (
    select attempt, sum(live) as live_orders, sum(units) as units, sum(stock) as stock_change, sum(moved) as movements,
           max(commit) as commit
    from (select commit, sum(delta) as live, 0 as units, 0 as stock, 0 as moved from order_events group by commit
          union all select commit, 0, sum(delta), 0, 0 from line_events group by commit
          union all select commit, 0, 0, sum(delta), 0 from stock group by commit
          union all select commit, 0, 0, 0, sum(delta) from movement_events group by commit)
    join commits using (commit)
    where attempt is not null
    group by attempt
)
select attempts.order_key, attempt, outcome as answered, code, message, live_orders, units, stock_change, movements,
       effect.commit, lsn, invoked_us, returned_us
from effect join attempts using (attempt) join commits on commits.commit = effect.commit
where outcome in ('sold_out', 'refused', 'aborted', 'error')
  and (live_orders <> 0 or units <> 0 or stock_change <> 0 or movements <> 0)
order by effect.commit;

-- exercised
select count(*) from attempts where outcome in ('sold_out', 'refused', 'aborted', 'error');
