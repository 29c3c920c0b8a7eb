-- check: conservation
-- without a log: convicts
-- means: Units appeared or vanished: initial stock plus restocks less the units on live orders is not the stock.
-- sound: Both sides come from the same log at the same commit boundary, so no timing can make them differ; only a commit that
--   changes one side without the other can. A flow of several transactions is between its steps on every good order: it
--   is judged where no attempt at an order of that product was in flight, so a fault in between still convicts. A shop
--   that repairs later is judged when its limit is over, else at the end.
-- exercised by: Commits of buyers that took stock or made an order.

-- violations
select unrest.product, discrepancy, unrest.commit, lsn, before as stock_before, after as stock_after,
       coalesce((select sum(delta) from sold where sold.product = unrest.product and sold.commit <= unrest.commit), 0)
           as units_on_orders,
       made_by.order_key, made_by.attempt, clock(since_us) as since,
       case when until_us is null then 'never' else format('{} ms later', (until_us - since_us) // 1000) end as repaired
from unrest join rest.made_by on made_by.commit = unrest.commit
left join rest.stock as stock on stock.commit = unrest.commit and stock.product = unrest.product
where kind = 'conservation'
order by unrest.commit, unrest.product;

-- exercised
select plain.orders + (select count(*) from rest.commits semi join (select commit from rest.stock union all select commit from rest.sold)
                       using (commit) where tag is null)
from plain;
