-- check: false_sold_out
-- rests on: clock
-- means: A buyer was told "sold out" though enough stock was there, for every line of the cart, during the whole attempt.
-- sound: A version of a row counts as possibly visible from its commit's timestamp, which comes before it can be seen, until
--   the next version was surely visible: its maker had its answer, or the next writer of the row had a timestamp. The
--   least of all versions that overlap the attempt must reach the units wanted, summed by product; for a product in several
--   entries the least of each are summed, and before its first version an entry holds nothing. Carts that must be refused
--   anyway are left out. Where the contract claims an order key, what this key's own order took counts as there. Whoever
--   refuses instead of waiting for a rival who rolls back is convicted on purpose: the units were never gone.
-- exercised by: Valid orders that were told "sold out".

-- violations
with verdict as (
    select attempt, bool_and(low >= wanted) as is_false, min(first_commit) as first_commit, max(last_commit) as commit,
           string_agg(format('product {}: {} wanted, never fewer than {} there', product, wanted, low), '; ' order by product)
               as evidence
    from least_stock where asked_for = 'refusal' group by attempt
)
select order_key, attempt, evidence, message, first_commit, verdict.commit, lsn, clock(invoked_us) as invoked,
       clock(returned_us) as returned
from verdict join rest.attempts using (attempt) left join commits on commits.commit = verdict.commit
where is_false
order by invoked_us;

-- exercised
select count(*) from rest.attempts
where outcome = 'sold_out' and order_key in (select order_key from rest.requests where order_class = 'valid');
