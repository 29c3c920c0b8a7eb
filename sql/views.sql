-- The canonical tables that checks read, made from the contract's events (stock_events, order_events, line_events,
-- movement_events) and the client's history. `commit` is a transaction's number in commit order, from 1; every table
-- that has one speaks of the state at that commit's end, never in the middle of it.

-- Each commit with the order key whose attempt made it.
create table made_by as
select commits.*, attempts.order_key
from commits left join attempts using (attempt);

-- Stock, one row for each commit that changed a product's.
create table stock as
with change as (
    select commit, product, sum(delta) as delta from stock_events group by all having sum(delta) <> 0
)
select commit, product, delta,
       sum(delta) over product_so_far - delta as before,
       sum(delta) over product_so_far as after
from change
window product_so_far as (partition by product order by commit);

-- What the harness itself put on the shelves.
create table supply as
select commit, product, delta from stock join commits using (commit) where tag in ('initial', 'stock', 'restock');
create table initial_stock as
select product, sum(delta) as units from supply group by product;

-- Whether an order is live, one row for each commit that changed it.
create table order_states as
with change as (
    select commit, order_id, sum(delta) as delta from order_events group by all having sum(delta) <> 0
)
select commit, order_id, sum(delta) over (partition by order_id order by commit) > 0 as live from change;

-- Every order that was ever live. `order_key` is the one of the attempt whose transaction made it so, by its tag; where
-- that transaction carries no tag, the one that the order itself claims.
create table orders as
with life as (
    select order_id, min(commit) filter (live) as born, arg_max(live, commit) as live_at_end,
           max(commit) filter (not live) as ended
    from order_states group by order_id
), last_image as (
    select order_id, arg_max(order_key, commit) as claimed_key, arg_max(customer, commit) as customer,
           arg_max(total, commit) as total
    from order_events where delta >= 0 group by order_id
)
select order_id, coalesce(made_by.order_key, claimed_key) as order_key, claimed_key, customer, total,
       born, made_by.ts_us as born_us, made_by.attempt, case when not live_at_end then ended end as ended, live_at_end,
       case when made_by.order_key is not null then 'tag' when claimed_key is not null then 'order_key'
            else 'none' end as attributed_by,
       coalesce(made_by.tag in ('initial', 'stock'), false) as by_harness
from life left join last_image using (order_id) join made_by on made_by.commit = born
where born is not null;

-- Units on live orders: one row for each commit that changed how many units of a product a live order holds.
create table sold as
with line as (
    select commit, order_id, product, sum(delta) as units, 0 as live from line_events group by all
), life as (
    select commit, order_id, product, 0 as units, case when live then 1 else -1 end as live
    from order_states join (select distinct order_id, product from line_events) using (order_id)
), merged as (
    select commit, order_id, product, sum(units) as units, sum(live) as live
    from (from line union all by name from life) group by all
), held as (
    select commit, order_id, product,
           case when sum(live) over order_so_far > 0 then sum(units) over order_so_far else 0 end as units
    from merged
    window order_so_far as (partition by order_id, product order by commit)
)
select commit, order_id, product, units, units - coalesce(lag(units) over (partition by order_id, product order by commit), 0) as delta
from held
qualify delta <> 0;

-- What each order key asked for, summed by product.
create table carts as
select order_key, product, sum(quantity) as units from request_lines group by all;

-- One row an order key that was attempted: its final answer, and how long its buyer waited for it, retries included,
-- from when it was due (open model) or first invoked.
create table order_results as
select attempts.order_key, any_value(requests.phase) as phase, any_value(requests.order_class) as order_class,
       any_value(requests.due_us) as due_us,
       min(invoked_us) as invoked_us, max(returned_us) as returned_us, count(*) as tries,
       arg_max(outcome, try_no) as outcome, arg_max(attempt, try_no) as last_attempt,
       max(invoked_us + duration_us) - coalesce(any_value(requests.due_us), min(invoked_us)) as latency_us
from attempts left join requests using (order_key)
group by attempts.order_key;

-- Between which instants a stock entry may have been seen with `after` units: from its commit's timestamp, which comes
-- before it is visible, to the moment when the next version was surely visible: that version's maker had its answer, or
-- its next writer had a timestamp. Several changes of an entry in one commit are one version.
create table stock_windows as
with version as (
    select commit, entry, product, sum(delta) as delta from stock_events group by all
), told as (
    select version.*, commits.ts_us,
           sum(delta) over (partition by entry, product order by commit) as after,
           case when attempts.outcome = 'ok' then attempts.returned_us end as acknowledged_us
    from version join commits using (commit) left join attempts using (attempt)
), sure as (
    select *, least(acknowledged_us, lead(ts_us) over (partition by entry, product order by commit)) as sure_us from told
)
select entry, product, commit, after, ts_us as from_us,
       coalesce(lead(sure_us) over (partition by entry, product order by commit), 9223372036854775807) as until_us
from sure;

-- The least stock that each attempt can have met of each product of its cart, over its whole interval.
create table least_stock as
with entry_low as (
    select attempt, carts.product, carts.units, w.entry, min(w.after) as low
    from attempts
    join carts using (order_key)
    left join stock_windows w
      on w.product = carts.product and w.from_us <= coalesce(attempts.returned_us, 9223372036854775807)
     and w.until_us >= attempts.invoked_us
    where attempts.outcome <> 'ok'
    group by all
)
select attempt, product, units as wanted, coalesce(sum(low), 0) as low from entry_low group by all;
