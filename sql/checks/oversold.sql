-- check: oversold
-- means: In some committed state stock is negative, or more units are on live orders than were ever on the shelf.
-- sound: The log holds every committed state in commit order, so a negative stock was really there; the second half counts
--   only live orders against what the harness itself put on the shelf, so a cancelled order is not counted. A flow of
--   several transactions is between its steps on every good order, so there the second half looks at the end only.
-- exercised by: Products for which buyers wanted more than there was.

-- violations
with balance as (
    select commit, product, sum(sum(stock)) over so_far as stock, sum(sum(supply)) over so_far as supplied,
           sum(sum(sold)) over so_far as sold, max(commit) over (partition by product) as last_commit
    from (select commit, product, delta as stock, 0 as supply, 0 as sold from stock
          union all select commit, product, 0, delta, 0 from supply
          union all select commit, product, 0, 0, delta from sold)
    group by commit, product
    window so_far as (partition by product order by commit)
), broken as (
    select *, case when stock < 0 then 'stock is negative' else 'more units sold than were ever there' end as problem
    from balance, settings
    where (stock < 0 and not negative_stock_allowed)
       or (sold > supplied and (not multi_step or commit = last_commit))
    qualify row_number() over (partition by product order by commit) = 1
)
select product, problem, stock, supplied, sold, broken.commit, lsn, order_key, attempt
from broken join made_by using (commit)
order by broken.commit;

-- exercised
select count(*) from (
    select product from carts join requests using (order_key) where order_class = 'valid' group by product
    having sum(units) > coalesce((select units from initial_stock where initial_stock.product = carts.product), 0)
);
