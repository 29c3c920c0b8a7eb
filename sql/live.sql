-- Judging while a load goes on: one stretch of the log after the other, whole transactions each, in commit order. The
-- stretch's tables are `commits`, `stock_events`, `order_events` and `line_events`; what earlier stretches left is in
-- `kept_orders`, `kept_lines` and `balances`. The rules are those of views.sql and the checks, or weaker: what convicts here
-- convicts there, too, and what is only seen from the whole is left to the end.

-- The stretch's orders, each commit with the order of the load that made it (attempts of one differ in their last six bits).
insert into kept_orders
select order_id, commit, sum(delta), any_value(case when attempt < 1125899906842624 then attempt >> 6 end)
from order_events join commits using (commit) group by order_id, commit having sum(delta) <> 0;
insert into kept_lines
select order_id, product, commit, sum(delta) from line_events group by order_id, product, commit having sum(delta) <> 0;

-- Units on live orders, of every order that this stretch touched, from all that is known of it.
create or replace temp table touched as
select order_id from order_events union select order_id from line_events;
create or replace temp table sold_now as
with merged as (
    select order_id, product, commit, sum(units) as units, sum(live) as live
    from (select order_id, product, commit, delta as units, 0 as live from kept_lines semi join touched using (order_id)
          union all
          select order_id, product, kept_orders.commit, 0, kept_orders.delta
          from kept_orders semi join touched using (order_id)
          join (select distinct order_id, product from kept_lines semi join touched using (order_id)) using (order_id))
    group by order_id, product, commit
), held as (
    select *, case when sum(live) over so_far > 0 then sum(units) over so_far else 0 end as holds
    from merged window so_far as (partition by order_id, product order by commit)
), changed as (
    select *, holds - coalesce(lag(holds) over (partition by order_id, product order by commit), 0) as delta from held
)
select commit, product, sum(delta) as delta from changed semi join commits using (commit) where delta <> 0
group by commit, product;

create or replace temp table ledger_now as
select commit, product, sum(stock) as stock, sum(sold) as sold, any_value(tag) as tag, any_value(lsn) as lsn,
       any_value(attempt) as attempt
from (select commit, product, delta as stock, 0 as sold from stock_events
      union all select commit, product, 0, delta from sold_now) join commits using (commit)
group by commit, product;

-- After each commit of the stretch: the stock, the units on live orders, what the harness supplied, and the discrepancy.
create or replace temp table states_now as
select commit, product, lsn, attempt, tag,
       coalesce(balances.stock, 0) + sum(now.stock) over so_far as stock,
       coalesce(balances.sold, 0) + sum(now.sold) over so_far as sold,
       coalesce(balances.supplied, 0)
           + sum(case when tag is not null then now.stock + now.sold else 0 end) over so_far as supplied,
       coalesce(balances.discrepancy, 0)
           + sum(case when tag is null then now.stock + now.sold else 0 end) over so_far as discrepancy
from ledger_now now left join balances using (product)
window so_far as (partition by product order by commit);

insert or replace into balances
select product, arg_max(stock, commit), arg_max(sold, commit), arg_max(supplied, commit), arg_max(discrepancy, commit)
from states_now group by product;

-- Orders of one order key that are live at the same time; the key is that of the commit that made an order.
create or replace temp table twice_now as
with asked as (
    select order_no from kept_orders semi join touched using (order_id) where order_no is not null
), alive as (
    select order_id, arg_min(order_no, commit) as order_no, min(commit) as commit
    from kept_orders
    where order_id in (select order_id from kept_orders where order_no in (from asked))
    group by order_id having sum(delta) > 0
)
select order_no, count(*) as orders, max(commit) as commit, string_agg(order_id, ' and ' order by commit) as order_ids
from alive where order_no is not null group by order_no having count(*) > 1;
