-- check: partial_order
-- means: A transaction committed part of an order: no lines, other lines than the cart, no deduction, or no movement.
-- sound: Everything is read at one commit boundary, the one at which the order became live, so nothing later is held against
--   it. A flow of several transactions is judged at the end of the log, when all its attempts have ended and every
--   session is gone: what is missing then was never repaired.
-- exercised by: Orders that buyers made.

-- violations
with judged as (
    select orders.*, case when multi_step or eventual then (select max(commit) from commits) else born end as judged_at,
           multi_step, count(*) over (partition by order_key) as orders_of_key
    from orders, settings
    where not by_harness and (live_at_end or not (multi_step or eventual))
), held as (
    select order_id, product, arg_max(units, commit) as units
    from judged join sold using (order_id)
    where commit <= judged_at group by all
), wanted as (
    select order_id, product, units from judged join carts using (order_key)
), shelf as (   -- units taken by the order's own commit; in a flow, by all commits of its attempts
    select order_id, product, -sum(delta) as units
    from judged join made_by on case when not multi_step then made_by.commit = judged.born
                                     when orders_of_key = 1 then made_by.order_key = judged.order_key
                                     else made_by.attempt = judged.attempt end
    join stock on stock.commit = made_by.commit
    group by all
), moved as (
    select order_id, product, -sum(delta) as units
    from judged join movement_events using (order_id)
    where commit <= judged_at group by all
), part as (
    select order_id, product,
           coalesce(any_value(wanted.units), case when count(carts_known.order_id) = 0 then any_value(held.units) end, 0) as cart,
           coalesce(any_value(held.units), 0) as lines,
           coalesce(any_value(shelf.units), 0) as deducted,
           coalesce(any_value(moved.units), 0) as moved
    from (select order_id, product from held union select order_id, product from wanted
          union select order_id, product from shelf union select order_id, product from moved
          union select order_id, null from judged where order_id not in (select order_id from held)
                                                    and order_id not in (select order_id from wanted)) as every
    left join held using (order_id, product)
    left join wanted using (order_id, product)
    left join shelf using (order_id, product)
    left join moved using (order_id, product)
    left join (select distinct order_id from wanted) as carts_known using (order_id)
    group by all
)
select part.order_id, judged.order_key, product, cart, lines, deducted, case when has_movements then moved end as moved,
       concat_ws(', ', case when lines = 0 then 'no line' when lines <> cart then 'other lines than the cart' end,
                       case when deducted = 0 and lines > 0 then 'stock not deducted'
                            when deducted <> lines then 'another deduction than its lines' end,
                       case when has_movements and moved = 0 and lines > 0 then 'no movement'
                            when has_movements and moved <> lines then 'another movement than its lines' end) as problem,
       case when judged.multi_step then 'never repaired' else 'in its own commit' end as how_long,
       born as commit, lsn, judged.attempt, attempts.outcome as answered
from part join judged using (order_id) join commits on commits.commit = born
left join attempts on attempts.attempt = judged.attempt, settings
where lines <> cart or deducted <> lines or (has_movements and moved <> lines) or product is null
order by born;

-- exercised
select count(*) from orders where not by_harness;
