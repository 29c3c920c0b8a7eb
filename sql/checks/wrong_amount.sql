-- check: wrong_amount
-- needs: orders.total lines.price
-- without a log: convicts
-- means: The goods total of an order is not the sum of its lines.
-- sound: Total and lines are read at one commit boundary: for one transaction an order, where the order was made; and for every
--   live order at the end of the log, for a shop that repairs later if its limit is over. The contract maps the total of the goods alone, so shipping, tax and discounts do not
--   enter. Amounts are decimal numbers, never floats.
-- exercised by: Orders with a total that buyers made.

-- violations
with plain as (   -- commits that made one order and nothing else: its lines are those of the commit
    select commit, sum(amount) as goods from rest.line_events group by commit
), suspect as (
    select order_id from rest.orders semi join mixed on mixed.commit = born
    union
    select order_id from rest.orders left join plain on plain.commit = born where total <> coalesce(goods, 0)
), goods as (
    select order_id, sum(amount) as at_end from rest.line_events semi join suspect using (order_id) group by order_id
), at_birth as (
    select orders.order_id, sum(line_events.amount) as goods, any_value(first_total) as first_total
    from rest.orders semi join eventful using (order_id)
    join (select order_id, commit, arg_max(total, seq) as first_total from rest.order_events semi join eventful using (order_id)
          where delta > 0 group by all) as made
      on made.order_id = orders.order_id and made.commit = born
    left join rest.line_events on line_events.order_id = orders.order_id and line_events.commit <= born
    group by orders.order_id
), found as (
    select orders.order_id, 'at the end' as seen, total, coalesce(at_end, 0) as goods
    from rest.orders semi join suspect using (order_id) left join goods using (order_id), settings, (select max(ts_us) as end_us from rest.commits)
    where live_at_end and total <> coalesce(at_end, 0) and (not eventual or born_us + coalesce(eventual_limit_us, 0) < end_us)
    union all
    select order_id, 'when it was made', first_total, coalesce(goods, 0)
    from at_birth, settings where not multi_step and not eventual and first_total <> coalesce(goods, 0)
)
select order_key, found.order_id, seen, found.total, goods, found.total - goods as difference, born as commit, lsn, orders.attempt
from found join rest.orders using (order_id) join rest.commits on commits.commit = born
where not by_harness
order by born, seen;

-- exercised
select plain.with_total + (select count(*) from rest.orders where total is not null and not by_harness) from plain;
