-- check: duplicate_order
-- rests on: clock
-- without a log: convicts
-- means: One order key, more than one live order, or more units taken than its cart; or a later attempt of a key whose order
--   was provably visible was answered otherwise.
-- sound: The key of an order is that of the attempt whose tag its transaction carries, so two orders of one key that are live
--   in one committed state are two orders for one wish. An attempt counts as later only if it was invoked after the order
--   was surely visible: an answer that gave it had returned, or a later writer of a row that it changed had a timestamp. A
--   commit's own timestamp comes before it is visible and is not used. An order that was cancelled denies nothing, and the
--   units that it gave up may be taken again. What the log alone shows needs no clock.
-- exercised by: Retries after a lost answer whose first try had committed, and attempts of one key that overlap.

-- violations
with several as (
    select * from rest.orders where not by_harness
      and order_key in (select order_key from rest.orders where not by_harness group by order_key having count(*) > 1)
), twice as (
    select order_key, 'several live orders' as problem, format('orders {} and {}', a.order_id, b.order_id) as evidence,
           b.born as commit
    from several a join several b using (order_key)
    where (a.born, a.order_id) < (b.born, b.order_id) and coalesce(a.ended, 9223372036854775807) > b.born
    qualify row_number() over (partition by order_key order by b.born) = 1
), many as (   -- keys of which there was more than one attempt
    select order_key from rest.order_results where tries > 1
), tries as (
    select attempts.* from rest.attempts semi join many using (order_key)
), answers as (
    select order_key, 'answers with different order ids' as problem,
           string_agg(distinct order_id, ', ' order by order_id) as evidence, null::bigint as commit
    from tries semi join (select order_key from tries where outcome = 'ok'
                          group by order_key having min(order_id) <> max(order_id)) using (order_key)
    where outcome = 'ok' and order_id is not null group by order_key
), suspect as (   -- a commit in order made one order and took its cart: for more than that a key needs two orders, or another commit
    select order_key from rest.orders group by order_key having count(*) > 1
    union select order_key from rest.made_by where commit in (from odd_commits) and order_key is not null
), maker as (   -- their commits
    select commit, order_key, tag from rest.made_by
    where commit in (select commit from rest.commits join (select attempt from rest.attempts semi join suspect using (order_key))
                            using (attempt)
                     union all select born from strays)
      and order_key in (select order_key from suspect)
), taken as (
    select order_key, product, -sum(delta) as units, max(commit) as commit
    from rest.stock join maker using (commit)
    where tag is null group by order_key, product
), given_up as (   -- by a cancellation that is not this key's own: those units may be taken once more
    select orders.order_key, product, -sum(delta) as units
    from (select * from rest.sold where delta < 0) as sold join rest.orders using (order_id)
    left join (select * from rest.made_by where commit in (select commit from rest.sold where delta < 0)) as made_by
      on made_by.commit = sold.commit
    where orders.order_key in (select order_key from suspect)
      and made_by.order_key is distinct from orders.order_key
    group by orders.order_key, product
), beyond as (
    select order_key, 'more units taken than its cart' as problem,
           format('{} of product {} instead of {}', taken.units, product, coalesce(carts.units, 0)) as evidence, commit
    from taken left join rest.carts using (order_key, product) left join given_up using (order_key, product)
    where taken.units > coalesce(carts.units, 0) + coalesce(given_up.units, 0)
      and order_key in (select order_key from rest.carts)
), own as (
    select orders.* from rest.orders semi join (select order_key from tries where outcome in ('sold_out', 'refused')) using (order_key)
    where not by_harness
), seen as (   -- from when on an order of the key was surely visible
    select order_key, order_id, ended, min(since_us) as since_us
    from (select own.order_key, own.order_id, ended, returned_us as since_us
          from own join tries on tries.order_key = own.order_key and outcome = 'ok'
           and (tries.order_id is null or tries.order_id = own.order_id)
          union all
          select own.order_key, own.order_id, ended, later.ts_us
          from (select own.*, entry, mine.commit from own join rest.stock_events mine on mine.commit = own.born) as own
          asof join (select entry, commit, ts_us from stock_events join commits using (commit)
                     where exists (select 1 from own)) as later
            on later.entry = own.entry and own.commit < later.commit)
    group by all
), denied as (
    select tries.order_key, format('answered {} though its order was there', outcome) as problem,
           format('attempt {} at {}, order {} surely visible since {}', tries.attempt, clock(invoked_us), seen.order_id,
                  clock(since_us)) as evidence, null::bigint as commit
    from tries join seen using (order_key)
    left join rest.commits on commits.commit = seen.ended
    where invoked_us > since_us and outcome in ('sold_out', 'refused') and (ended is null or ts_us > returned_us)
    qualify row_number() over (partition by tries.attempt order by since_us) = 1
)
select problem, order_key, evidence, found.commit, lsn, problem not like 'answered %' as by_log_alone
from (from twice union all by name from answers union all by name from beyond union all by name from denied) as found
left join rest.commits on commits.commit = found.commit
order by found.commit, order_key;

-- exercised
with tries as (
    select attempts.* from rest.attempts semi join (select order_key from rest.order_results where tries > 1) using (order_key)
), lost as (   -- committed, but not told
    select order_key, min(try_no) as try_no
    from tries semi join (select attempt from rest.commits union all select attempt from rest.stray_commits) using (attempt)
    where outcome = 'unknown' group by order_key
)
select count(*) from (
    select order_key from lost semi join tries on tries.order_key = lost.order_key and tries.try_no > lost.try_no
    union
    select a.order_key
    from tries a join tries b using (order_key)
    where a.attempt < b.attempt and b.invoked_us < coalesce(a.returned_us, 9223372036854775807)
      and a.invoked_us < coalesce(b.returned_us, 9223372036854775807)
);
