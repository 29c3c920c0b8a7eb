-- check: duplicate_order
-- means: One order key, more than one live order, or more units taken than its cart; or a later attempt of a key whose order
--   was provably visible was answered otherwise.
-- sound: The key of an order is that of the attempt whose tag its transaction carries, so two orders of one key are two orders
--   for one wish. An attempt counts as later only if it was invoked after the order was surely visible: after an answer
--   that gave the order had returned; a commit's own timestamp comes before it is visible and is not used.
-- exercised by: Retries after a lost answer whose first try had committed, and attempts of one key that overlap.

-- violations
with twice as (
    select order_key, 'several live orders' as problem, string_agg(order_id, ', ' order by born) as evidence,
           max(born) as commit
    from orders where order_key is not null and not by_harness
    group by order_key having count(*) filter (live_at_end) > 1
), answers as (
    select order_key, 'answers with different order ids' as problem,
           string_agg(distinct order_id, ', ') as evidence, null::bigint as commit
    from attempts where outcome = 'ok' and order_id is not null
    group by order_key having count(distinct order_id) > 1
), taken as (
    select order_key, product, -sum(delta) as units, max(commit) as commit
    from stock join made_by using (commit)
    where attempt is not null group by all
), beyond as (
    select order_key, 'more units taken than its cart' as problem,
           format('{} of product {} instead of {}', taken.units::bigint, product, coalesce(carts.units, 0)::bigint) as evidence, commit
    from taken left join carts using (order_key, product)
    where taken.units > coalesce(carts.units, 0) and carts.order_key is not null
), visible as (
    select order_key, min(returned_us) as since_us, min(order_id) as order_id
    from attempts where outcome = 'ok' group by order_key
), denied as (
    select order_key, 'answered ' || outcome || ' though its order was there' as problem,
           format('attempt {} after order {}', attempt, visible.order_id) as evidence, null::bigint as commit
    from attempts join visible using (order_key)
    where invoked_us > since_us and outcome in ('sold_out', 'refused')
)
select problem, order_key, evidence, found.commit, lsn,
       (select string_agg(format('{}: {}', try_no, outcome), ', ' order by try_no)
        from attempts where attempts.order_key = found.order_key) as attempts
from (from twice union all by name from answers union all by name from beyond union all by name from denied) as found
left join commits on commits.commit = found.commit
order by found.commit, order_key;

-- exercised
select count(*) from (
    select distinct later.order_key
    from attempts as first_try
    join attempts as later using (order_key)
    where later.try_no > first_try.try_no and first_try.outcome = 'unknown'
      and first_try.attempt in (select attempt from commits where attempt is not null)
    union
    select distinct a.order_key
    from attempts a join attempts b using (order_key)
    where a.attempt < b.attempt and b.invoked_us < a.returned_us and a.invoked_us < b.returned_us
);
