-- check: lost_order
-- means: An acknowledged order was never committed, or at the end is gone or no longer holds the units it held, though nobody
--   cancelled it.
-- sound: The log is read up to a marker that was committed after the last attempt had ended, so an order that is not in it was
--   not committed. The harness's own cancellations carry a tag and are left out. A retry may be answered with the order of an
--   earlier attempt, so the order is looked for by its key and by its id, not by the answered attempt's own tag.
-- exercised by: Orders whose buyer was told yes.

-- violations
with acknowledged as (
    select order_key, min(order_id) as order_id, min(returned_us) as returned_us, min(attempt) as attempt
    from attempts where outcome = 'ok' group by order_key
), found as (
    select acknowledged.*, orders.order_id as stored_id, orders.live_at_end, orders.ended,
           row_number() over (partition by acknowledged.order_key order by live_at_end desc nulls last) as nth
    from acknowledged left join orders
      on orders.order_key = acknowledged.order_key or orders.order_id = acknowledged.order_id
), shrunk as (
    select order_id, sum(greatest(0, most - at_end)) as missing
    from (select order_id, product, max(units) as most, arg_max(units, commit) as at_end from sold group by all)
    group by order_id
)
select found.order_key, coalesce(stored_id, found.order_id) as order_id,
       case when stored_id is null then 'acknowledged, but never committed'
            when not live_at_end then 'acknowledged, but gone at the end'
            else format('{} units lost', missing::bigint) end as problem,
       ended as commit, lsn, found.attempt, returned_us as acknowledged_us
from found left join shrunk on shrunk.order_id = stored_id left join commits on commits.commit = ended
where nth = 1 and commits.tag is null
  and (stored_id is null or not live_at_end or coalesce(missing, 0) > 0)
order by found.order_key;

-- exercised
select count(distinct order_key) from attempts where outcome = 'ok';
