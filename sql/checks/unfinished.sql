-- check: unfinished
-- rests on: harness
-- means: After the faults had ended, a new order of a product that was on the shelf did not succeed within the recovery time.
-- sound: The product is reserved for this one order, which no buyer competes for, and holds ample stock. It is retried until
--   the recovery time is over, over a network that is whole.
-- exercised by: Orders placed after healing.

-- violations
select order_key, product, count(*) as attempts_made, arg_max(outcome, invoked_us) as outcome, arg_max(code, invoked_us) as code,
       arg_max(message, invoked_us) as message, clock(min(invoked_us)) as since,
       any_value(limit_us) // 1000 as recovery_ms
from probes
group by order_key, product
having not bool_or(outcome = 'ok')
order by order_key;

-- exercised
select count(distinct order_key) from probes;
