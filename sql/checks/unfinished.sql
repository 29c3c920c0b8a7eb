-- check: unfinished
-- rests on: harness
-- without a log: judges
-- means: After a fault had ended, new orders of products that were on the shelf did not succeed within the recovery time.
-- sound: At the end an order of a reserved product is tried, which no buyer competes for and of which there is ample stock; it
--   is retried until the recovery time is over, over a network that is whole. After each fault of a load it counts only if
--   no other fault was on within the recovery time, orders were tried in its first half and answered within it, and not one
--   answer was a definite one ("sold out" is one).
-- exercised by: Orders placed after healing.

-- violations
select order_key, product, count(*) as attempts_made, arg_max(outcome, invoked_us) as outcome, arg_max(code, invoked_us) as code,
       arg_max(message, invoked_us) as message, clock(min(invoked_us)) as since,
       any_value(limit_us) // 1000 as recovery_ms, null as after_fault
from probes
group by order_key, product
having not bool_or(outcome = 'ok')
union all
select null, null, tried, null, null, format('no order after {} was answered', name), clock(healed_us), recovery_us // 1000, name
from recoveries, settings
where since_us is not null and coalesce(until_us, 9223372036854775807) > healed_us + recovery_us and tried > 0
  and coalesce(definite_after_us, 9223372036854775807) > recovery_us
order by since, order_key;

-- exercised
select (select count(distinct order_key) from probes) + (select count(*) from recoveries where tried > 0);
