-- check: partial_order
-- means: A transaction committed part of an order: no lines, other lines than the cart, no deduction, or no movement.
-- sound: Everything is read at one commit boundary, the one at which the order became live, so nothing later is held against
--   it. A flow of several transactions is judged when the attempt that made the order has ended and no other attempt of its
--   key runs; a shop that repairs later, at the end of the log. Lines that were there before their order count.
-- exercised by: Orders that buyers made.

-- violations
with mine as (
    select orders.*, multi_step, eventual, has_movements,
           case when multi_step then
               (select max(greatest(coalesce(returned_us, 9223372036854775807),
                                    coalesce((select max(ts_us) from commits where commits.attempt = a.attempt), 0)))
                from attempts a where a.order_key = orders.order_key
                  and a.invoked_us <= (select coalesce(maker.returned_us, 9223372036854775807)
                                       from attempts maker where maker.attempt = orders.attempt)) end as rest_us
    from orders, settings where not by_harness
), plain as (   -- one transaction an order: what does not add up, before it is looked at more closely
    select born as commit from mine semi join (
        select commit from ledger, settings where stock + sold <> 0 or (has_movements and sold + moved <> 0)
    ) as off on off.commit = mine.born
    union
    select born from (
        select born, product, units as cart, 0 as lines from mine join carts using (order_key)
        union all
        select born, product, 0, units from mine join sold on sold.commit = born and sold.order_id = mine.order_id)
    group by born, product having sum(cart) <> sum(lines)
    union
    select born from mine anti join carts using (order_key) anti join sold on sold.commit = mine.born
), judged as (
    select * exclude (rest_us), case when eventual then (select max(commit) from commits)
                     when multi_step then coalesce((select max(commit) from commits where ts_us <= rest_us), born)
                     else born end as judged_at, rest_us,
           count(*) over (partition by order_key) as orders_of_key
    from mine
    where multi_step or eventual or born in (select commit from plain)
), standing as (   -- live when judged
    select judged.* from judged
    where (select arg_max(live, commit) from order_states s where s.order_id = judged.order_id and s.commit <= judged_at)
), held as (
    select order_id, product, arg_max(units, commit) as units
    from standing join sold using (order_id) where commit <= judged_at group by all
), wanted as (
    select order_id, product, units from standing join carts using (order_key)
), shelf as (   -- units taken by the order's own commit; in a flow, by all commits of its attempts up to then
    select order_id, product, -sum(delta) as units
    from standing join made_by on case when not multi_step then made_by.commit = standing.born
                                       when orders_of_key = 1 then made_by.order_key = standing.order_key
                                       else made_by.attempt = standing.attempt end
    join stock on stock.commit = made_by.commit
    where made_by.commit <= judged_at group by all
), moved as (
    select order_id, product, -sum(delta) as units
    from standing join movement_events using (order_id) where commit <= judged_at group by all
), part as (
    select order_id, product,
           coalesce(any_value(wanted.units), case when count(carts_known.order_id) = 0 then any_value(held.units) end, 0) as cart,
           coalesce(any_value(held.units), 0) as lines,
           coalesce(any_value(shelf.units), 0) as deducted,
           coalesce(any_value(moved.units), 0) as moved
    from (select order_id, product from held union select order_id, product from wanted
          union select order_id, product from shelf union select order_id, product from moved
          union select order_id, null from standing where order_id not in (select order_id from held)
                                                      and order_id not in (select order_id from wanted)) as every
    left join held using (order_id, product)
    left join wanted using (order_id, product)
    left join shelf using (order_id, product)
    left join moved using (order_id, product)
    left join (select distinct order_id from wanted) as carts_known using (order_id)
    group by all
), broken as (
    select part.*, standing.* exclude (order_id, total),
           concat_ws(', ', case when lines = 0 then 'no line' when lines <> cart then 'other lines than the cart' end,
                           case when deducted = 0 and lines > 0 then 'stock not deducted'
                                when deducted <> lines then 'another deduction than its lines' end,
                           case when has_movements and moved = 0 and lines > 0 then 'no movement'
                                when has_movements and moved <> lines then 'another movement than its lines' end) as problem
    from part join standing using (order_id)
    where lines <> cart or deducted <> lines or (has_movements and moved <> lines) or product is null
)
select broken.order_id, broken.order_key, product, cart, lines, deducted, case when has_movements then moved end as moved,
       problem,
       case when not multi_step then 'in its own commit'
            when (select max(commit) from order_states s where s.order_id = broken.order_id and s.commit > judged_at and not live)
                 is not null then 'until it was removed'
            when lines <> coalesce((select arg_max(units, commit) from sold
                                    where sold.order_id = broken.order_id and sold.product = broken.product), 0)
              or moved <> coalesce((select -sum(delta) from movement_events m
                                    where m.order_id = broken.order_id and m.product = broken.product), 0)
              or orders_of_key = 1   -- of several, what another one took is not this one's
                 and deducted <> coalesce((select -sum(delta) from stock join made_by using (commit)
                                           where made_by.order_key = broken.order_key
                                             and stock.product = broken.product), 0)
                 then 'until a later transaction'
            else 'never repaired' end as how_long,
       born as commit, lsn, broken.attempt, attempts.outcome as answered, story(broken.order_key) as attempts
from broken join commits on commits.commit = born left join attempts on attempts.attempt = broken.attempt
order by born;

-- exercised
select count(*) from orders where not by_harness;
