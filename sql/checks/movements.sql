-- check: movements
-- needs: movements
-- without a log: convicts
-- means: The movement ledger disagrees with the stock's changes, for an order or in sum for a product.
-- sound: Ledger, lines and stock are read at the same commit boundary. A flow of several transactions is judged where no
--   attempt at an order of that product was in flight. A live order's own movements are compared with the units that it holds at
--   the end of the log; orders that the harness itself touched are left out.
-- exercised by: Commits that wrote movements.

-- violations
with suspect as (   -- in a plain commit the movements are those of the order's lines
    select order_id from rest.movement_events semi join odd_commits using (commit) where order_id is not null
    union
    select order_id from rest.orders semi join odd_commits on odd_commits.commit = born
), per_order as (
    select order_id, product, sum(moved) as moved, sum(held) as held, max(commit) as commit
    from (select order_id, product, delta as moved, 0 as held, commit from rest.movement_events semi join suspect using (order_id)
          union all
          select order_id, product, 0, delta, commit from rest.sold semi join suspect using (order_id)
          where order_id in (select order_id from rest.movement_events semi join suspect using (order_id)))
    group by order_id, product having sum(moved) + sum(held) <> 0
), settled as (   -- live at the end, and no repair is due any more
    select order_id from rest.orders, settings, (select max(ts_us) as end_us from rest.commits)
    where live_at_end and (not eventual or born_us + coalesce(eventual_limit_us, 0) < end_us)
), strangers as (
    select order_id from rest.sold semi join (select commit from rest.commits where tag is not null) using (commit)
    union
    select order_id from rest.movement_events semi join (select commit from rest.commits where tag is not null) using (commit)
), found as (
    select 'movements and stock differ' as problem, product, null::varchar as order_id, discrepancy, commit,
           case when until_us is null then 'never' else format('{} ms later', (until_us - since_us) // 1000) end as repaired
    from unrest where kind = 'movements'
    union all
    select 'movements and units of the order differ', product, order_id, moved + held, commit, 'never'
    from per_order semi join settled using (order_id) anti join strangers using (order_id)
)
select problem, found.product, found.order_id, discrepancy, found.commit, lsn, before as stock_before, after as stock_after,
       made_by.order_key, made_by.attempt, repaired
from found join rest.made_by on made_by.commit = found.commit
left join rest.stock on stock.commit = found.commit and stock.product = found.product
order by found.commit, found.product, problem;

-- exercised
select plain.orders + (select count(*) from rest.commits semi join rest.movement_events using (commit) where tag is null) from plain;
