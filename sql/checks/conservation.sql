-- check: conservation
-- means: Units appeared or vanished: initial stock plus restocks less the units on live orders is not the stock.
-- sound: Both sides come from the same log at the same commit boundary, so no timing can make them differ; only a commit that
--   changes one side without the other can. A flow of several transactions is judged where its log ends, when no attempt
--   is in flight any more.
-- exercised by: Commits of buyers that took stock or made an order.

-- violations
with balance as (
    select commit, product, sum(sum(stock)) over so_far as stock,
           sum(sum(supply)) over so_far as supplied, sum(sum(sold)) over so_far as sold,
           max(commit) over (partition by product) as last_commit
    from (select commit, product, delta as stock, 0 as supply, 0 as sold from stock
          union all select commit, product, 0, delta, 0 from supply
          union all select commit, product, 0, 0, delta from sold)
    group by commit, product
    window so_far as (partition by product order by commit)
), drift as (
    select *, stock - (supplied - sold) as discrepancy,
           coalesce(lag(discrepancy) over (partition by product order by commit), 0) as before
    from balance
)
select product, discrepancy, stock, supplied, sold, drift.commit, lsn, order_key, attempt
from drift join made_by using (commit), settings
where discrepancy <> 0 and case when multi_step or eventual then commit = last_commit else discrepancy <> before end
order by drift.commit;

-- exercised
select count(distinct commit) from made_by
where attempt is not null and (commit in (select commit from stock) or commit in (select commit from sold));
