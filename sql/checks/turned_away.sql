-- check: turned_away
-- means: With no fault active nor just ended, a valid order for which enough stock was there throughout did not go through,
--   after all its retries.
-- sound: Enough stock means the least that any version possibly visible during any of its attempts held, for every product;
--   orders within two seconds of a fault are left out, and "sold out" is another check's business.
-- exercised by: Valid orders that ran outside the faults with enough stock for all their lines.

-- violations
with calm as (
    select order_results.*
    from order_results
    where order_class = 'valid' and not exists (
        select 1 from fault_windows
        where applied_us <= order_results.returned_us and healed_us + 2000000 >= order_results.invoked_us)
), short as (
    select distinct order_key from least_stock join attempts using (attempt) where low < wanted
)
select calm.order_key, calm.outcome, tries, code, message, calm.invoked_us, calm.returned_us, last_attempt as attempt
from calm join attempts on attempts.attempt = last_attempt and attempts.order_key = calm.order_key
where calm.outcome in ('aborted', 'error', 'unknown', 'refused')
  and calm.order_key not in (select order_key from short)
order by calm.invoked_us;

-- exercised
select count(*)
from order_results
where order_class = 'valid' and outcome <> 'sold_out' and not exists (
    select 1 from fault_windows
    where applied_us <= order_results.returned_us and healed_us + 2000000 >= order_results.invoked_us);
