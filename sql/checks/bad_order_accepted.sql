-- check: bad_order_accepted
-- without a log: convicts
-- means: An order of a class that the shop says it refuses went through, or left a trace in its tables.
-- sound: The harness made the order bad on purpose and knows its class; the contract names the classes that the shop refuses. A
--   trace is a net change of a mapped table by a transaction that carries the tag of one of its attempts, or a live order
--   of its key. An order whose key another cart has used is no trace: a replay gives the order of that cart.
-- exercised by: Attempts at orders of the classes that the contract's refuse list names.

-- violations
with bad as (
    select order_key, order_class from rest.requests semi join refused_classes using (order_class)
), tries as (
    select attempts.*, order_class from rest.attempts join bad using (order_key)
), trace as (
    select order_key, max(commit) as commit, string_agg(distinct what, ', ' order by what) as trace
    from (select commit, 'order ' || order_id as what, delta from rest.order_events
          union all select commit, 'line of order ' || order_id, delta from rest.line_events
          union all select commit, 'stock of product ' || product, delta from rest.stock
          union all select commit, 'movement of product ' || product, delta from rest.movement_events) as change
    join (select commits.commit, tries.order_key from rest.commits join tries using (attempt)) using (commit)
    group by order_key, what having sum(delta) <> 0
), traces as (
    select order_key, max(commit) as commit, string_agg(trace, ', ' order by trace) as trace from trace group by order_key
    union all
    select bad.order_key, max(born), string_agg('order ' || order_id, ', ' order by order_id) from bad join strays using (order_key)
    group by bad.order_key
)
select tries.order_key, order_class, tries.attempt, outcome as answered, trace, traces.commit, lsn,
       (select string_agg(format('{} × product {}', quantity, product), ', ' order by line) from rest.request_lines
        where request_lines.order_key = tries.order_key) as cart
from tries left join traces on traces.order_key = tries.order_key left join rest.commits on commits.commit = traces.commit
where outcome = 'ok' or trace is not null
qualify row_number() over (partition by tries.order_key order by (outcome = 'ok') desc, tries.attempt) = 1
order by tries.attempt;

-- exercised
select count(*) from rest.attempts
where order_key in (select order_key from rest.requests semi join refused_classes using (order_class));
