-- check: turned_away
-- rests on: clock harness
-- means: With no fault active nor just ended, a valid order for which enough stock was there throughout did not go through,
--   after all its retries.
-- sound: Enough stock means the least that any version possibly visible from its first attempt to its last answer held, for
--   every product; orders within two seconds of a fault are left out, as are attempts that the harness itself broke off.
--   "Sold out" is another check's business, and so is a refusal where the order is there. An order that was tried again
--   and whose last try the server ended for the sake of another that may still have been under way (40001, 40P01) had bad
--   luck: nothing bounds how often that happens to an order, least of all at SERIALIZABLE.
-- exercised by: Valid orders that ran outside the faults and were not told "sold out".

-- violations
with short as (
    select attempt from least_stock where asked_for = 'order' and low < wanted
), ended as (   -- for the sake of others, if there were any
    select attempt, invoked_us, returned_us from rest.attempts
    where outcome = 'aborted' and code in ('40001', '40P01') and try_no > 1
), other as (   -- one without an answer may be under way for as long as nobody knows
    select invoked_us, case when outcome <> 'unknown' then returned_us end as done_us from attempts
    where exists (from ended)
    union all
    select invoked_us, case when outcome <> 'unknown' then returned_us end from operations
), unlucky as (   -- more than itself had begun by its end and was not done at its beginning
    select attempt
    from ended
    asof join (select invoked_us as at_us, count(*) over (order by invoked_us) as begun from other) as begun
      on begun.at_us <= ended.returned_us
    asof left join (select done_us as at_us, count(*) over (order by done_us) as done from other where done_us is not null) as done
      on done.at_us < ended.invoked_us
    where begun - coalesce(done, 0) > 1
)
select calm.order_key, calm.outcome, tries, code, message, clock(calm.invoked_us) as invoked,
       clock(calm.returned_us) as returned, last_attempt as attempt,
       (select min(low) from least_stock where asked_for = 'order' and least_stock.attempt = last_attempt) as least_stock
from rest.order_results calm join rest.attempts on attempts.attempt = last_attempt and attempts.order_key = calm.order_key
where (calm.outcome in ('aborted', 'error', 'unknown')
       or calm.outcome = 'refused' and calm.order_key not in (select order_key from rest.orders where order_key is not null))
  and order_class = 'valid' and code is distinct from 'stopped'
  and last_attempt not in (select attempt from short)
  and last_attempt not in (from unlucky)
  and last_attempt in (select attempt from least_stock where asked_for = 'order')
  and not exists (select 1 from fault_windows
                  where applied_us <= coalesce(calm.returned_us, 9223372036854775807)
                    and healed_us + 2000000 >= calm.invoked_us)
order by calm.invoked_us;

-- exercised
-- Plain orders are valid, and went through.
with disturbed as (
    select applied_us, healed_us + 2000000 as calm_us from fault_windows
)
select plain.orders - (
           select count(*) from (from attempts semi join disturbed
                                 on applied_us <= coalesce(returned_us, 9223372036854775807) and calm_us >= invoked_us)
           anti join rest.attempts using (attempt))
       + (select count(*) from (from rest.order_results anti join disturbed
                                on applied_us <= coalesce(returned_us, 9223372036854775807) and calm_us >= invoked_us)
          where order_class = 'valid' and outcome <> 'sold_out')
from plain;
