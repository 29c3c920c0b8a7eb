-- check: retired_endpoint
-- needs: retired
-- means: An endpoint that the shop says is retired did not refuse, or changed something.
-- sound: Each is asked once, for a product of its own and while no buyer is there. So a change of that product's stock, lines or
--   movements, by whatever transaction but the harness's own, is its doing, and so is an order that is no buyer's and that an
--   untagged transaction makes while it is being asked. A refusal is an answer of 400 or above; where none came, only what
--   changed counts.
-- exercised by: Retired endpoints that gave an answer.

-- violations
with trace as (
    select endpoint, commit, 'stock of product ' || product as what, delta
    from retired join stock using (product) join commits using (commit) where tag is null and ts_us >= invoked_us
    union all
    select endpoint, commit, 'units sold of product ' || product, delta
    from retired join line_events using (product) join commits using (commit) where tag is null and ts_us >= invoked_us
    union all
    select endpoint, commit, 'movement of product ' || product, delta
    from retired join movement_events using (product) join commits using (commit) where tag is null and ts_us >= invoked_us
    union all
    select endpoint, commit, 'order ' || order_id, delta
    from retired join commits on ts_us between invoked_us and coalesce(returned_us, invoked_us) join rest.order_events using (commit)
    where tag is null and commits.attempt is null and order_id not in (select order_id from rest.orders where attributed_by <> 'none')
), effect as (
    select endpoint, what, sum(delta) as change, max(commit) as commit from trace group by endpoint, what having sum(delta) <> 0
)
select endpoint, status, message, format('changed {} by {}', what, change) as problem, effect.commit, lsn
from effect join retired using (endpoint) join commits on commits.commit = effect.commit
union all by name
select endpoint, status, message, format('was answered {}, which is no refusal', status) as problem from retired where status < 400
order by endpoint, problem;

-- exercised
select count(*) from retired where status is not null;
