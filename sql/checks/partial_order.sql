-- check: partial_order
-- means: A transaction committed part of an order: no lines, other lines than the cart, no deduction, or no movement.
-- sound: Everything is read at one commit boundary, the one at which the order became live, so nothing later is held against
--   it. A flow of several transactions is judged when no attempt of the order's key runs any more, those included that began
--   before the others had ended. A shop that repairs later is judged when its limit is over, without one at the end of the
--   log; whose order a repair is for is not known there, so the deduction is left to conservation, as it is in a flow of
--   several transactions that carry no tag. Lines that were there
--   before their order count.
-- exercised by: Orders that buyers made.

-- violations
with off as (   -- one transaction an order: commits that do not add up, before they are looked at more closely
    select commit from uneven, settings where stock + sold <> 0 or (moves_by_order and sold + moved <> 0)
    union
    select commit from (
        select born as commit, order_id, product, units as cart, 0 as lines
        from (select * from rest.orders semi join odd_commits on odd_commits.commit = born where not by_harness)
        join rest.carts using (order_key)
        union all
        select commit, order_id, product, 0, units from rest.sold semi join odd_commits using (commit))
    group by commit, order_id, product having sum(cart) <> sum(lines)
    union
    select born from rest.orders semi join odd_commits on odd_commits.commit = born anti join rest.sold using (order_id)
), work as (   -- flows: when somebody was at work on an order key
    select order_key, attempt, invoked_us, work_ends_us,
           max(work_ends_us) over (partition by order_key order by invoked_us, attempt
                                   rows between unbounded preceding and 1 preceding) as earlier_us
    from rest.attempts join attempt_ends using (attempt) where (select multi_step and not eventual from settings)
), stretch as (   -- from one moment without work to the next
    select order_key, attempt, max(work_ends_us) over (partition by order_key, number) as rest_us
    from (select *, count(*) filter (earlier_us is null or invoked_us > earlier_us)
                        over (partition by order_key order by invoked_us, attempt) as number from work)
), due as (
    select order_id, born, rest_us from rest.orders join stretch using (order_key, attempt)
    union all
    select order_id, born, case when eventual_limit_us is null then 9223372036854775807 else born_us + eventual_limit_us end
    from rest.orders, settings, (select max(ts_us) as end_us from rest.commits)
    where eventual and (eventual_limit_us is null or born_us + eventual_limit_us < end_us)
), moment as (
    select order_id, born as judged_at from rest.orders, settings
    where not multi_step and not eventual and born in (select commit from off)
    union all
    select order_id, greatest(born, instants.commit) from due asof join instants on instants.ts_us <= rest_us
), judged as (
    select order_id, order_key, born, attempt, judged_at, count(*) over (partition by order_key) as orders_of_key,
           attributed_by <> 'tag' as is_stray
    from rest.orders join moment using (order_id) where not by_harness
), standing as (   -- live when judged
    select * exclude (live) from (
        select judged.*, arg_max(live, s.commit) as live
        from judged join order_states s on s.order_id = judged.order_id and s.commit <= judged_at group by all)
    where live
), held as (
    select order_id, product, arg_max(units, commit) as lines
    from standing join rest.sold using (order_id) where commit <= judged_at group by order_id, product
), wanted as (
    select order_id, product, units as cart from standing join rest.carts using (order_key)
), taken as (   -- by the order's own commit; in a flow, by all commits for it up to then
    select order_id, commit, judged_at from standing, settings, commits where not multi_step and not eventual and commit = born
    union all
    select order_id, made_by.commit, judged_at from standing join rest.made_by using (order_key), settings
    where multi_step and not eventual and orders_of_key = 1
    union all
    select order_id, made_by.commit, judged_at from standing join rest.made_by using (attempt), settings
    where multi_step and not eventual and orders_of_key > 1
), shelf as (
    select order_id, product, -sum(delta) as deducted
    from taken join rest.stock using (commit) where commit <= judged_at group by order_id, product
), moved as (
    select order_id, product, -sum(delta) as moved
    from standing join rest.movement_events using (order_id), settings
    where moves_by_order and commit <= judged_at group by order_id, product
), part as (   -- an order whose cart is not known is judged by its own lines
    select order_id, product, coalesce(any_value(cart), case when order_id not in (select order_id from wanted)
                                                             then any_value(lines) end, 0) as cart,
           coalesce(any_value(lines), 0) as lines, coalesce(any_value(deducted), 0) as deducted,
           coalesce(any_value(moved), 0) as moved
    from (from held union all by name from wanted union all by name from shelf union all by name from moved
          union all by name select order_id from standing where order_id not in (select order_id from held)
                                                            and order_id not in (select order_id from wanted))
    group by order_id, product
), broken as (
    select part.*, standing.* exclude (order_id, is_stray), eventual or multi_step and is_stray as stock_elsewhere,
           moves_by_order, multi_step,
           concat_ws(', ', case when lines = 0 then 'no line' when lines <> cart then 'other lines than the cart' end,
                           case when eventual or multi_step and is_stray then null when deducted = 0 and lines > 0 then 'stock not deducted'
                                when deducted <> lines then 'another deduction than its lines' end,
                           case when not moves_by_order then null when moved = 0 and lines > 0 then 'no movement'
                                when moved <> lines then 'another movement than its lines' end) as problem
    from part join standing using (order_id), settings
    where lines <> cart or product is null or (moves_by_order and moved <> lines)
       or (deducted <> lines and not eventual and not (multi_step and is_stray))
), later as (   -- what became of it
    select order_id, product, arg_max(units, commit) as lines_at_end from broken join rest.sold using (order_id, product)
    group by order_id, product
), removed as (
    select order_id from broken join order_states using (order_id) where commit > judged_at and not order_states.live
), moved_at_end as (
    select order_id, product, -sum(delta) as moved_at_end
    from broken join rest.movement_events using (order_id, product) group by order_id, product
), shelf_at_end as (   -- of several orders of a key, what another one took is not this one's
    select broken.order_id, broken.product, -sum(delta) as deducted_at_end
    from broken join rest.made_by using (order_key) join rest.stock on stock.commit = made_by.commit and stock.product = broken.product
    where orders_of_key = 1 group by broken.order_id, broken.product
)
select broken.order_id, broken.order_key, broken.product, cart, lines, case when not stock_elsewhere then deducted end as deducted,
       case when moves_by_order then moved end as moved, problem,
       case when judged_at = born and not multi_step then 'in its own commit'
            when broken.order_id in (select order_id from removed) then 'until it was removed'
            when lines <> coalesce(lines_at_end, 0) or (moves_by_order and moved <> coalesce(moved_at_end, 0))
              or (not stock_elsewhere and orders_of_key = 1 and deducted <> coalesce(deducted_at_end, 0))
                then 'until a later transaction'
            else 'never repaired' end as how_long,
       born as commit, lsn, broken.attempt, attempts.outcome as answered
from broken join rest.commits on commits.commit = born left join rest.attempts on attempts.attempt = broken.attempt
left join later on later.order_id = broken.order_id and later.product = broken.product
left join moved_at_end on moved_at_end.order_id = broken.order_id and moved_at_end.product = broken.product
left join shelf_at_end on shelf_at_end.order_id = broken.order_id and shelf_at_end.product = broken.product
order by born, broken.order_id, broken.product;

-- exercised
select plain.orders + (select count(*) from rest.orders where not by_harness) from plain;
