-- check: lost_order
-- without a log: convicts
-- means: An acknowledged order was never committed, belongs to another buyer, or at the end is gone or no longer holds the units
--   it held, though nobody cancelled it.
-- sound: The log is read up to a marker that was committed after the last attempt had ended, so an order that is not in it was
--   not committed. Its own order's cancellation or release is no loss, another order's is. A retry may be answered with the order of an
--   earlier attempt, so the order is looked for by its key and by its id, not by the answered attempt's own tag. An id is
--   held against the shop only if most answers give the id of their own buyer's order.
--   An order whose key another cart has used may be answered with the order of that cart, and is left out.
-- exercised by: Orders whose buyer was told yes.

-- violations
with shrunk as (   -- live orders that a transaction, not the harness's, took units away from
    select order_id, sum(greatest(0, most - at_end)) as missing, max(last_cut) as commit
    from (select sold.order_id, product, max(sold.units) as most, arg_max(sold.units, sold.commit) as at_end,
                 max(sold.commit) filter (sold.delta < 0) as last_cut
          from rest.sold semi join eventful using (order_id) group by all)
    where most > at_end group by order_id
), fine as (   -- acknowledged attempts whose own transaction made the order, which still stands whole
    select orders.attempt from rest.orders anti join shrunk using (order_id) where live_at_end and not by_harness
), agreed as (   -- told the id of the order that this very attempt made, which carries its key, if any: nothing to look into
    select attempt from rest.orders anti join shrunk using (order_id)
    where live_at_end and not by_harness and attributed_by = 'tag' and told = 'ok' and told_id = order_id
      and (claimed_key is null or claimed_key = order_key)
      and order_key not in (select order_key from rest.requests where order_class = 'reused_key')
), yes as (
    select attempt, order_key, order_id, returned_us from rest.attempts anti join agreed using (attempt)
    where outcome = 'ok' and order_key not in (select order_key from rest.requests where order_class = 'reused_key')
), doubt as (
    select order_key, min(order_id) as order_id, min(returned_us) as returned_us, min(attempt) as attempt
    from yes anti join fine using (attempt) group by order_key
), candidate as (
    select doubt.order_key, orders.order_id, live_at_end, ended, true as is_own
    from doubt join rest.orders on orders.order_key = doubt.order_key
    union all
    select doubt.order_key, orders.order_id, live_at_end, ended, coalesce(orders.order_key = doubt.order_key, true)
    from doubt join rest.orders on orders.order_id = doubt.order_id
), best as (
    select * from candidate
    qualify row_number() over (partition by order_key order by is_own desc, live_at_end desc, order_id) = 1
), told as (
    select yes.*, orders.order_id as stored_id, orders.order_key as owner, claimed_key, born, attributed_by
    from yes join rest.orders using (order_id)
), mixed_up as (   -- told the id of another buyer's order, or of one that carries another buyer's key
    select order_key, order_id, returned_us, attempt, stored_id, born as commit,
           case when owner <> order_key then format('acknowledged with order {}, which is another buyer''s', stored_id)
                else format('acknowledged with order {}, which carries the key of another buyer', stored_id) end as problem
    from told
    where (owner <> order_key
           or attributed_by = 'tag' and claimed_key <> order_key and claimed_key in (select order_key from rest.requests))
      -- what a shop answers may be another number than the order's id: then few are their own
      and (select count(*) filter (owner = order_key) * 2 + (select count(*) from agreed) + (select with_told_id from plain) > count(*) from told)
), verdict as (
    select order_key, order_id, returned_us, attempt, stored_id, commit, problem from mixed_up
    where order_key in (select order_key from fine join (select * from rest.attempts semi join mixed_up using (order_key))
                                                   using (attempt))
    union all
    select doubt.order_key, doubt.order_id, doubt.returned_us, doubt.attempt, best.order_id, coalesce(ended, shrunk.commit),
           case when best.order_id is null then 'acknowledged, but never committed'
                when not is_own then format('acknowledged with order {}, which is another buyer''s', best.order_id)
                when not live_at_end then 'acknowledged, but gone at the end'
                when missing > 0 then format('{} units lost', missing) end
    from doubt left join best using (order_key) left join shrunk on shrunk.order_id = best.order_id
)
select order_key, coalesce(stored_id, order_id) as order_id, problem, verdict.commit, lsn, commits.attempt as taken_by,
       verdict.attempt, clock(returned_us) as acknowledged
from verdict left join rest.commits on commits.commit = verdict.commit
where problem is not null and commits.tag is null and not exists (
    select 1 from operations, settings
    where operation = commits.attempt
      and (operations.order_key = verdict.order_key or kind = 'release' and not release_names_order))
order by verdict.commit nulls first, order_key;

-- exercised
select plain.orders + (select count(distinct order_key) from rest.attempts where outcome = 'ok') from plain;
