-- check: movements
-- needs: movements
-- means: The movement ledger disagrees with the stock's changes, for an order or in sum for a product.
-- sound: Ledger, lines and stock are read at the same commit boundary. A flow of several transactions is judged at the end
--   of the log only.
-- exercised by: Commits that wrote movements.

-- violations
with balance as (
    select commit, product, sum(sum(stock)) over so_far as stock_change, sum(sum(moved)) over so_far as movements,
           max(commit) over (partition by product) as last_commit
    from (select commit, product, stock.delta as stock, 0 as moved from stock join commits using (commit) where tag is null
          union all
          select commit, product, 0, delta from movement_events join commits using (commit) where tag is null)
    group by commit, product
    window so_far as (partition by product order by commit)
), drift as (
    select *, movements - stock_change as discrepancy,
           coalesce(lag(discrepancy) over (partition by product order by commit), 0) as before
    from balance
)
select product, discrepancy, stock_change, movements, drift.commit, lsn, order_key, attempt
from drift join made_by using (commit), settings
where discrepancy <> 0 and case when multi_step or eventual then commit = last_commit else discrepancy <> before end
order by drift.commit;

-- exercised
select count(distinct commit) from movement_events join commits using (commit) where tag is null;
