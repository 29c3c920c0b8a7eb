-- check: broken_operation
-- needs: operations
-- means: A restock, cancellation or release was answered with a yes but did nothing, or with a no but left a trace.
-- sound: An operation is tried once, and its transaction carries its number, so that what it did is known exactly. Nothing was
--   done if no transaction of a restock raised its product's stock; or if the order to be cancelled, or named to be
--   released, was live throughout the log. An order that was ended by somebody else, or ended and came back, is no case. A
--   trace is a net change of an order, a line, a stock or a movement.
-- exercised by: Operations that were answered with a yes or a definite no.

-- violations
with change as (
    select commits.attempt as operation, commit, what, delta
    from rest.commits join (
        select commit, 'order ' || order_id as what, delta from rest.order_events
        union all select commit, 'line of order ' || order_id || ', product ' || product, delta from rest.line_events
        union all select commit, 'stock of product ' || product, delta from rest.stock_events
        union all select commit, 'movement of product ' || product, delta from rest.movement_events) as change using (commit)
    where commits.attempt in (select operation from operations)
), effect as (
    select operation, what, sum(delta) as delta, max(commit) as commit from change group by operation, what
), trace as (
    select operation, string_agg(format('{} {:+d}', what, delta::bigint), ', ' order by what) as trace, max(commit) as commit
    from effect where delta <> 0 group by operation
), target as (   -- the order that was to end, and whether it ever did
    select operation, orders.order_id, born, bool_or(not order_states.live) as ended
    from operations
    join rest.orders on case when operations.order_id is not null then orders.order_id = operations.order_id
                        else orders.order_key = operations.order_key end
    join order_states on order_states.order_id = orders.order_id, settings
    where kind = 'cancel' or kind = 'release' and release_names_order
    group by operation, orders.order_id, born
), undone as (
    select operation, 'answered yes, but the stock did not rise' as problem, product as evidence, null::bigint as commit
    from operations
    where kind = 'restock' and outcome = 'ok' and quantity > 0 and not exists (
        select 1 from effect where effect.operation = operations.operation
                               and what = 'stock of product ' || operations.product and delta > 0)
    union all
    select operation, format('answered yes, but order {} was live to the end', any_value(target.order_id)), null, max(born)
    from operations join target using (operation)
    where outcome = 'ok' group by operation having not bool_or(ended)
    union all
    select operation, format('answered {}, yet it left a trace', outcome), trace, commit
    from operations join trace using (operation)
    where outcome in ('sold_out', 'refused', 'aborted', 'error')
)
select problem, kind as operation_kind, operations.order_key, operations.order_id, product, quantity, evidence, undone.commit,
       lsn, operations.operation as attempt, code, message, clock(invoked_us) as invoked, clock(returned_us) as returned
from undone join operations using (operation) left join rest.commits on commits.commit = undone.commit
order by invoked_us, operation;

-- exercised
select count(*) from operations where outcome <> 'unknown';
