-- check: oversold
-- without a log: convicts
-- means: In some committed state stock is negative, or more units are on live orders than were ever on the shelf.
-- sound: The log holds every committed state in commit order, so a negative stock was really there; the second half counts
--   only live orders against what the harness itself put on the shelf and what restocks were to add, so a cancelled order is not counted. It can only
--   hold where stock and orders disagree, so only such products are summed. A flow of several transactions is between its
--   steps on every good order, so there it looks where no attempt at an order of the product was in flight.
-- exercised by: Products for which buyers wanted more than there was.

-- violations
with suspect as (
    select distinct product from drift where kind = 'conservation'
), balance as (
    select commit, product, ts_us, sum(ledger.sold) over so_far as units_on_orders,
           sum(case when tag is not null then ledger.stock + ledger.sold else added end) over so_far as supplied
    from (select commit, product, sum(stock) as stock, sum(sold) as sold, sum(added) as added
          from (select commit, product, delta as stock, 0 as sold, 0 as added from stock_events semi join suspect using (product)
                union all
                select commit, product, 0, -delta, 0 from (from stock_events semi join suspect using (product))
                anti join rest.stock_events using (commit)   -- a plain order has what it took
                union all
                select commit, product, 0, sold, added from rest.entries semi join suspect using (product))
          group by commit, product) as ledger join commits using (commit)
    window so_far as (partition by product order by commit)
), at_rest as (
    select balance.* from balance, settings where not multi_step and not eventual
    union all
    select balance.* from balance join (   -- timestamps are not quite in commit order: the last in commit order counts
        select distinct quiet.product, so_far.commit
        from quiet asof join (select product, ts_us, max(commit) over (partition by product order by ts_us, commit) as commit
                              from balance) as so_far
          on so_far.product = quiet.product and so_far.ts_us <= quiet.from_us) using (product, commit), settings
    where multi_step and not eventual
    union all
    select balance.* from balance, settings where eventual
    qualify row_number() over (partition by product order by commit desc) = 1
), found as (
    select product, commit, 'stock is negative' as problem, null as units_on_orders, null as supplied
    from stock, settings where after < 0 and not negative_stock_allowed
    union all
    select product, commit, 'more units sold than were ever there', units_on_orders, supplied
    from at_rest where units_on_orders > supplied
), first_of_product as (
    select * from found qualify row_number() over (partition by product order by commit) = 1
), maker as (   -- a plain order may have been the one too many
    select commits.*, stray.attempt as stray, stray.order_key as stray_key
    from (from commits semi join first_of_product using (commit)) as commits
    left join rest.stray_commits as stray on stray.born = commit
), tried as (
    from attempts semi join (select coalesce(attempt, stray) as attempt from maker) using (attempt)
)
select f.product, problem, units_on_orders, supplied, before as stock_before, after as stock_after, f.commit, lsn,
       coalesce(tried.order_key, stray_key) as order_key, coalesce(maker.attempt, stray) as attempt
from first_of_product f join maker on maker.commit = f.commit
left join tried on tried.attempt = maker.attempt
left join (from stock semi join first_of_product using (commit)) as stock
  on stock.commit = f.commit and stock.product = f.product
order by f.commit, f.product;

-- exercised
with unmeant as (   -- lines of carts that are not counted; those of plain orders all are
    from rest.request_lines where order_key in (select order_key from half_known)
        or order_key not in (select order_key from rest.requests where order_class = 'valid')
), line as (
    select product, quantity from request_lines union all select product, -quantity from unmeant
)
select count(*) from (
    select coalesce(consumption.stock, line.product) as product, sum(quantity * coalesce(consumption.units, 1)) as units
    from line left join consumption using (product) group by all
) as wanted
where units > coalesce((select units from initial_stock where initial_stock.product = wanted.product), 0);
