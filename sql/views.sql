-- The canonical tables that checks read, made from the contract's events (stock_events, order_events, line_events,
-- movement_events) and the client's history. `commit` is a transaction's number in commit order, from 1; every table
-- that has one speaks of the state at that commit's end, never in the middle of it. Instants are microseconds of the
-- wall clock since 1970. docs/checks.md describes the tables and says why the rules are what they are. What is hard to tell
-- of an order is told in the schema `rest`, where the plain orders of sql/screen.sql are left out; they are added by views.

create macro clock(us) as
    if(us < 253402300800000000, strftime(make_timestamp(least(us, 253402300800000000)), '%H:%M:%S.%f'), 'the end');

-- An order key's attempts in words: what a person needs to see of them.
create macro story(of_key) as (
    select string_agg(format('{}: {} {}–{}', try_no, outcome, clock(invoked_us), coalesce(clock(returned_us), '')), ' | '
                      order by invoked_us, attempt)
    from attempts where attempts.order_key = of_key
);

-- Carts that are not known: a journal whose writer was killed may lack the last lines, and what is left does not sum up to the
-- cart's total.
create table half_known as
select order_key from rest.requests join rest.request_lines using (order_key)
where (select broken_off from settings) and order_class = 'valid'
group by order_key, total having sum(quantity * price::decimal(38, 9)) <> total::decimal(38, 9);

-- Orders that may have met another in crossed order: their first attempt began while that of the order before it of two of
-- the same products was under way.
create table crossed as
with item as not materialized (   -- of a large cart the first eight lines will do
    select order_key, line, coalesce(consumption.stock, product) as product, consumption.product is not null as is_part
    from request_lines left join consumption using (product) anti join half_known using (order_key) where line < 8
), later as not materialized (   -- few carts have several products, so these rows are few
    select order_key, line, product, invoked_us, coalesce(returned_us, 9223372036854775807) as ended_us
    from item join attempts using (order_key) where try_no = 1 and (line > 0 or is_part)
), pair as (   -- each two products of a cart; told by a number, as there are many to sort
    select order_key, invoked_us, ended_us,
           hash(least(later.product, item.product), greatest(later.product, item.product)) as products
    from item join later using (order_key)
    where item.product <> later.product and (item.line, item.product) < (later.line, later.product)
)
-- If any two of a pair meet, then one that begins meets the one that began just before it.
select distinct order_key from (
    select order_key, invoked_us, lag(ended_us) over (partition by products order by invoked_us) as busy_until from pair
) where busy_until > invoked_us;

-- Stock, one row for each commit that changed a product's. A product's stock is that of its only entry, as the log shows
-- it; where several entries hold it (variants, lots, one row a unit), the running sum over all of them.
create table shared_products as
select product from (select distinct product, entry from stock_events) group by product having count(*) > 1;
create table shared_stock as
select commit, product, delta, after - delta as before, after
from (select commit, product, delta, sum(delta) over (partition by product order by commit) as after
      from (select commit, product, sum(delta) as delta from stock_events semi join shared_products using (product)
            group by commit, product having sum(delta) <> 0));
create view stock as
select commit, product, delta, after - delta as before, after from stock_events anti join shared_products using (product)
union all
from shared_stock;
create table rest.stock as from stock semi join rest.commits using (commit);

-- Orders that have more of a life than one commit that made them with all their lines.
create table eventful as
select order_id from rest.order_events group by order_id having count(*) > 1 or min(delta) < 1
union
select order_id from rest.line_events anti join rest.order_events using (order_id, commit);

-- Whether an order is live, one row for each commit that changed it.
create table order_states as
select commit, order_id, true as live from rest.order_events anti join eventful using (order_id)
union all
select commit, order_id, sum(delta) over (partition by order_id order by commit) > 0
from (select commit, order_id, sum(delta) as delta from rest.order_events semi join eventful using (order_id)
      group by commit, order_id having sum(delta) <> 0);

-- Every order that was ever live, before it is known who made it.
create view lives as
with state as (
    select order_id, min(commit) filter (live) as born, arg_max(live, commit) as live_at_end,
           max(commit) filter (not live) as ended
    from order_states semi join eventful using (order_id) group by order_id
), image as (
    select order_id, arg_max(order_key, seq) as claimed_key, arg_max(customer, seq) as customer, arg_max(total, seq) as total
    from rest.order_events semi join eventful using (order_id) where delta >= 0 group by order_id
)
select order_id, commit as born, true as live_at_end, null::bigint as ended, order_key as claimed_key, customer, total
from rest.order_events anti join eventful using (order_id)
union all
select order_id, born, live_at_end, case when not live_at_end then ended end, claimed_key, customer, total
from state left join image using (order_id)
where born is not null;

-- Orders whose transaction carries no tag (a shop behind HTTP, its own jobs), with the order key that they belong to: the
-- one that they claim, that of their customer, or that of the buyer who was told their id. The attempt is the last of that
-- key that had begun by then.
create table strays as
with untagged as (
    select lives.*, ts_us from lives join rest.commits on commits.commit = born where attempt is null and tag is null
), by_customer as (
    select customer, any_value(order_key) as order_key from rest.requests where customer in (select customer from untagged)
    group by customer having count(distinct order_key) = 1
), by_id as (
    select order_id, any_value(order_key) as order_key from rest.attempts
    where outcome = 'ok' and order_id in (select order_id from untagged)
    group by order_id having count(distinct order_key) = 1
), told as (
    select untagged.order_id, born, ts_us, coalesce(claimed.order_key, by_customer.order_key, by_id.order_key) as order_key,
           case when claimed.order_key is not null then 'order_key' when by_customer.order_key is not null then 'customer'
                when by_id.order_key is not null then 'order_id' else 'none' end as attributed_by
    from untagged
    left join (select distinct order_key from rest.requests) as claimed on claimed.order_key = claimed_key
    left join by_customer on by_customer.customer = untagged.customer
    left join by_id on by_id.order_id = untagged.order_id
)
select told.order_id, born, any_value(told.order_key) as order_key, any_value(attributed_by) as attributed_by,
       arg_max(attempt, invoked_us) filter (invoked_us <= ts_us) as attempt
from told left join rest.attempts on attempts.order_key = told.order_key
group by told.order_id, born;

-- Each commit with the attempt and the order key that made it.
create view rest.stray_commits as
select born, any_value(attempt) as attempt, any_value(order_key) as order_key
from strays group by born having count(distinct order_key) = 1;
create view rest.made_by as
select commits.commit, lsn, xid, ts_us, coalesce(commits.attempt, stray.attempt) as attempt, tag,
       coalesce(attempts.order_key, stray.order_key) as order_key
from rest.commits left join rest.attempts on attempts.attempt = commits.attempt
left join rest.stray_commits as stray on stray.born = commits.commit;
create view made_by as
from rest.made_by
union all
select commit, lsn, xid, ts_us, commits.attempt, tag, order_key
from (from commits anti join rest.commits using (commit)) as commits join attempts using (attempt);

-- Every order that was ever live. `order_key` is the one of the attempt whose transaction made it so, by its tag; that
-- attempt was `asked_us`, and `told_us` what `told` says.
create table rest.orders as
select lives.order_id, coalesce(attempts.order_key, strays.order_key, claimed_key) as order_key, claimed_key, customer, total,
       lives.born, ts_us as born_us, coalesce(commits.attempt, strays.attempt) as attempt, ended, live_at_end,
       case when attempts.order_key is not null then 'tag' else coalesce(strays.attributed_by, 'none') end as attributed_by,
       tag is not null or coalesce(commits.attempt in (select attempt from probes), false)
           or coalesce(coalesce(attempts.order_key, strays.order_key, claimed_key) in (select order_key from probes), false)
           as by_harness,
       invoked_us as asked_us, returned_us as told_us, outcome as told, attempts.order_id as told_id
from lives join rest.commits on commits.commit = lives.born
left join rest.attempts on attempts.attempt = commits.attempt
left join strays on strays.order_id = lives.order_id;
create view orders as
from rest.orders
union all by name
select made.order_id, attempts.order_key, made.order_key as claimed_key, customer, total, commits.commit as born, ts_us as born_us,
       attempts.attempt, null as ended, true as live_at_end, 'tag' as attributed_by, false as by_harness, invoked_us as asked_us,
       returned_us as told_us, outcome as told, attempts.order_id as told_id
from (from order_events anti join rest.order_events using (commit)) as made
join commits on commits.commit = made.commit join attempts on attempts.attempt = commits.attempt;

-- Units on live orders: one row for each commit that changed how many units of a product a live order holds.
create table rest.sold as
with line as (
    select commit, order_id, product, delta as units, 0 as live from rest.line_events semi join eventful using (order_id)
), life as (
    select commit, order_id, product, 0 as units, case when live then 1 else -1 end as live
    from order_states join (select distinct order_id, product from rest.line_events semi join eventful using (order_id))
         using (order_id)
), merged as (
    select commit, order_id, product, sum(units) as units, sum(live) as live
    from (from line union all by name from life) group by all
), held as (
    select commit, order_id, product,
           case when sum(live) over order_so_far > 0 then sum(units) over order_so_far else 0 end as units
    from merged
    window order_so_far as (partition by order_id, product order by commit)
), changed as (
    select *, units - coalesce(lag(units) over (partition by order_id, product order by commit), 0) as delta from held
)
select commit, order_id, product, delta as units, delta
from rest.line_events anti join eventful using (order_id) where delta <> 0
union all
select commit, order_id, product, units, delta from changed where delta <> 0;
create view sold as
from rest.sold
union all
select commit, order_id, product, delta, delta from line_events anti join rest.line_events using (commit);

-- Commits that touch the lines or the life of more than one order, or of one that has more of a life than this commit. In all
-- others whatever was done, was done for the one order that they made.
create table mixed as
select born as commit from rest.orders group by born having count(*) > 1
union
select commit from rest.order_events semi join eventful using (order_id)
union
select commit from rest.line_events semi join eventful using (order_id);

-- What each order key asked for, summed by product; where products consist of others (`consumption`), by those.
create view carts as
select order_key, coalesce(consumption.stock, product) as product, sum(quantity * coalesce(consumption.units, 1)) as units
from request_lines left join consumption using (product) anti join half_known using (order_key)
group by all;
create table rest.carts as
select order_key, coalesce(consumption.stock, product) as product, sum(quantity * coalesce(consumption.units, 1)) as units
from rest.request_lines left join consumption using (product) anti join half_known using (order_key)
group by all;

-- What restocks added, by the transaction that did it: the units that were asked for, not those that came. A transaction
-- that leaves all stock as it was (an unknown product, a polite no) added nothing.
create table restocked as
select commit, product, quantity as units
from operations join (select attempt as operation, min(commit) as commit
                      from (select commit, attempt from rest.commits
                            where attempt in (select operation from operations where kind = 'restock'))
                      semi join rest.stock_events using (commit) group by attempt) using (operation)
where kind = 'restock';

-- What each commit did to a product, from three places: the stock, the live orders, the movements; and what it was to add.
create view rest.entries as
select commit, product, delta as stock, 0 as sold, 0 as moved, 0 as added from rest.stock_events
union all select commit, product, 0, delta, 0, 0 from rest.sold
union all select commit, product, 0, 0, delta, 0 from rest.movement_events
union all select commit, product, 0, 0, 0, units from restocked;
create view entries as
from rest.entries
union all select commit, product, delta, 0, 0, 0 from stock_events anti join rest.stock_events using (commit)
union all select commit, product, 0, delta, 0, 0 from line_events anti join rest.line_events using (commit)
union all select commit, product, 0, 0, delta, 0 from movement_events anti join rest.movement_events using (commit);
create view ledger as
select commit, product, sum(stock) as stock, sum(sold) as sold, sum(moved) as moved, sum(added) as added
from entries group by commit, product;

-- Commits of the rest that are not in order. One that is made one order and did nothing else: the order's lines are its
-- cart, each is deducted from the stock, and each has its own movement. Most are, also of orders that were tried twice, so
-- whatever looks for something broken looks only at the others. Each comparison is between rows of which a commit in order
-- has one a product.
create table odd_commits as
select commit from mixed
union
select coalesce(line.commit, stock.commit) from rest.line_events as line full join rest.stock as stock using (commit, product)
where line.delta is distinct from -stock.delta
union
select coalesce(line.commit, moved.commit)
from (select * from rest.line_events where (select has_movements from settings)) as line
full join rest.movement_events as moved using (commit, product)
where line.delta is distinct from -moved.delta or line.order_id <> moved.order_id
union
select coalesce(line.commit, cart.commit) from rest.line_events as line full join (   -- an order without a cart is none
    select born as commit, product, coalesce(units, 1) as units
    from (select born, order_key from rest.orders where not by_harness) left join rest.carts as carts using (order_key)) as cart using (commit, product)
where line.delta is distinct from cart.units
union
select commit from restocked;

-- The ledger's rows in which the places do not agree at once, and those of restocks: all that can break a balance.
create table uneven as
select commit, product, sum(stock) as stock, sum(sold) as sold, sum(moved) as moved, sum(added) as added
from rest.entries semi join odd_commits using (commit) group by commit, product
having sum(stock) + sum(sold) <> 0 or sum(moved) <> sum(stock) or sum(added) <> 0;

-- What the harness itself put on the shelves. Its own transactions are in balance: what they change beyond the orders in
-- them (a cancellation that gives units back, orders that were there before) is supply.
create table supply as
select commit, product, stock + sold as delta, tag
from uneven join rest.commits using (commit) where tag is not null and stock + sold <> 0
union all
select commit, product, units, 'restock' from restocked;
create table initial_stock as
select product, sum(delta) as units from supply where tag in ('initial', 'stock') group by product;

-- One row an order key that was attempted: its final answer, and how long its buyer waited for it, retries included,
-- from when it was due (open model) or first invoked.
create table rest.order_results as
with several as (
    select order_key from rest.attempts group by order_key having count(*) > 1
), tried as (   -- `place` puts attempts in order by number of try, and attempts of one number by theirs
    select *, (try_no::hugeint << 64) + attempt as place from rest.attempts semi join several using (order_key)
), result as (
    select order_key, min(invoked_us) as invoked_us, max(returned_us) as returned_us, count(*) as tries,
           arg_max(outcome, place) as outcome, arg_max(attempt, place) as last_attempt,
           max(invoked_us + duration_us) as answered_us, arg_min(phase, place) as attempted_in
    from tried group by order_key
    union all
    select order_key, invoked_us, returned_us, 1, outcome, attempt, invoked_us + duration_us, phase
    from rest.attempts anti join several using (order_key)
)
select order_key, coalesce(requests.phase, attempted_in) as phase, coalesce(order_class, 'valid') as order_class, due_us,
       invoked_us, returned_us, tries, outcome, last_attempt, answered_us - coalesce(due_us, invoked_us) as latency_us
from result left join rest.requests using (order_key);
create view order_results as
from rest.order_results
union all by name
select order_key, coalesce(requests.phase, attempts.phase) as phase, 'valid' as order_class, requests.due_us, invoked_us, returned_us,
       1 as tries, outcome, attempt as last_attempt,
       invoked_us + duration_us - coalesce(requests.due_us, invoked_us) as latency_us
from (from attempts anti join rest.attempts using (attempt)) as attempts left join requests using (order_key);

-- The commits after which two of the three places no longer agree, with the discrepancy that is then left. The harness's
-- own transactions are in balance by definition. A restock that writes no movement keeps them for orders alone.
create table drift as
with off as (
    select 'conservation' as kind, commit, product, stock + sold - added as off from uneven where stock + sold <> added
    union all
    select 'movements', commit, product, moved - stock from uneven, settings
    where has_movements and moved <> stock and not (added <> 0 and moved = 0)
)
select kind, product, commit, ts_us, off, sum(off) over (partition by kind, product order by commit) as discrepancy
from off join rest.commits using (commit) where tag is null;

-- The last commit by an instant of the wall clock, for flows of several transactions and shops that repair later. Timestamps are not quite in commit order: the last in commit order counts.
create table instants as
select ts_us, max(commit) as commit
from (select ts_us, max(commit) over (order by ts_us, commit) as commit
      from (select * from rest.commits where (select multi_step or eventual from settings))) group by ts_us;

-- When nothing can be done for an attempt any more: its answer came, or its last commit, if that is later. Behind HTTP an
-- attempt without an answer may go on for ever. For flows of several transactions only.
create view attempt_ends as
select attempt, greatest(coalesce(case when outcome <> 'unknown' or not has_strays then returned_us end, 9223372036854775807), coalesce(last_us, 0))
           as work_ends_us
from (select * from rest.attempts where (select multi_step from settings))
left join (select attempt, max(ts_us) as last_us from rest.commits
           where attempt is not null and (select multi_step from settings) group by attempt) using (attempt),
     (select count(*) > 0 as has_strays from strays);

-- For flows of several transactions: when nobody was between two steps of an order of a product.
create table quiet as
with activity as (
    select product, invoked_us as from_us, work_ends_us as to_us
    from rest.attempts join rest.carts using (order_key) join attempt_ends using (attempt)
), busy as (
    select product, from_us, max(to_us) over (partition by product order by from_us
                                              rows between unbounded preceding and 1 preceding) as busy_until
    from activity
)
select product, busy_until as from_us from busy where from_us > busy_until
union all
select product, max(to_us) from activity group by product;

-- Discrepancies that convict. One transaction an order: after any commit. A flow of several: in a quiet stretch. A shop
-- that repairs later: once its limit is over, or at the end of the log. `until_us` is when it was repaired, or null.
create table unrest as
with so_far as (   -- timestamps are not quite in commit order: by an instant, the last in commit order counts
    select kind, product, ts_us, max(commit) over (partition by kind, product order by ts_us, commit) as commit from drift
), still as (   -- the discrepancy in each quiet stretch
    select found.kind, found.product, from_us, found.commit, discrepancy,
           lag(discrepancy, 1, 0) over (partition by found.kind, found.product order by from_us) as earlier
    from (select kinds.kind, quiet.product, quiet.from_us, so_far.commit
          from quiet cross join (select distinct kind from drift) as kinds
          asof join so_far on so_far.kind = kinds.kind and so_far.product = quiet.product and so_far.ts_us <= quiet.from_us)
         as found
    join drift on drift.kind = found.kind and drift.product = found.product and drift.commit = found.commit
), episode as (   -- from a commit that breaks the balance to the one that restores it
    select kind, product, commit, ts_us, discrepancy, lag(discrepancy, 1, 0) over so_far as earlier,
           lead(ts_us) over so_far as next_us
    from (select * from drift qualify (discrepancy <> 0) is distinct from (lag(discrepancy) over (
              partition by kind, product order by commit) <> 0))
    window so_far as (partition by kind, product order by commit)
)
select kind, product, commit, discrepancy, ts_us as since_us,
       (select min(ts_us) from drift later where later.kind = drift.kind and later.product = drift.product
            and later.commit > drift.commit and later.discrepancy = 0) as until_us
from drift, settings where not multi_step and not eventual and discrepancy <> 0
union all
select kind, product, commit, discrepancy, from_us,
       (select min(from_us) from still later where later.kind = still.kind and later.product = still.product
            and later.from_us > still.from_us and later.discrepancy = 0)
from still, settings where multi_step and not eventual and discrepancy <> 0 and discrepancy <> earlier
union all
select kind, product, commit, discrepancy, ts_us, next_us
from episode, settings, (select max(ts_us) as end_us from commits)
where eventual and discrepancy <> 0
  and case when next_us is null then eventual_limit_us is null or end_us - ts_us > eventual_limit_us
           else next_us - ts_us > eventual_limit_us end;

-- Questions about the stock over a stretch of time: could a buyer have met too little? Asked for each "sold out" that the
-- stock at its end does not explain at once, and for each order that was turned away; `asked_for` tells them apart.
create table doubted as
with refused as (
    select attempt, order_key, invoked_us, returned_us
    from rest.attempts where outcome = 'sold_out' and returned_us is not null
), owner as (
    select order_key from rest.orders semi join refused using (order_key) where not by_harness
), refusal as (
    select attempt, order_key, product, units as wanted, invoked_us as from_us, returned_us as to_us,
           order_key in (select order_key from owner) and claims_key as has_own
    from refused join (select * from rest.carts semi join refused using (order_key)) as carts using (order_key)
    join (select order_key from rest.requests semi join refused using (order_key) where order_class = 'valid') as requests
         using (order_key), settings
), at_end as (
    select refusal.*, after
    from refusal asof left join (select product, ts_us, after
                                 from (select * from stock semi join (select distinct product from refusal) using (product)
                                                           anti join shared_products using (product))
                                 join commits using (commit)) as shelf
      on shelf.product = refusal.product and shelf.ts_us <= to_us
), plain as (
    select attempt from at_end
    where not has_own and coalesce(after, 0) < wanted and product not in (select product from shared_products)
)
select 'refusal' as asked_for, * exclude (has_own) from refusal where attempt not in (select attempt from plain)
union all
select 'order', last_attempt, order_key, product, units, invoked_us, coalesce(returned_us, 9223372036854775807)
from rest.order_results join rest.carts using (order_key)
where order_class = 'valid' and outcome in ('aborted', 'error', 'unknown', 'refused');

-- Between which instants a stock entry may have been seen with `after` units: from its commit's timestamp, which comes
-- before it is visible, to the moment when the next version was surely visible: that version's maker had its answer, or
-- its next writer had a timestamp; otherwise never. The harness stocks a product before anyone may ask for it. Several
-- changes of an entry in one commit are one version. Before its first version an entry holds nothing. Only for products of
-- which `doubted` asks.
create table stock_windows as
with first_asked as (
    select product, min(invoked_us) as asked_us
    from (select order_key, coalesce(consumption.stock, product) as product
          from request_lines left join consumption using (product) anti join half_known using (order_key))
    semi join doubted using (product) join attempts using (order_key) group by product
), version as (
    select entry, product, stock_events.commit, after, commits.ts_us,
           case when attempts.outcome = 'ok' then attempts.returned_us
                when operations.outcome = 'ok' then operations.returned_us
                when commits.tag in ('initial', 'stock') and commits.ts_us < asked_us then asked_us - 1 end as acknowledged_us
    from stock_events semi join doubted using (product)
    join commits on commits.commit = stock_events.commit
    left join rest.stray_commits as stray on stray.born = commits.commit
    left join attempts on attempts.attempt = coalesce(commits.attempt, stray.attempt)
    left join operations on operation = coalesce(commits.attempt, stray.attempt)
    left join first_asked using (product)
), sure as (
    select *, row_number() over entry_so_far as n,   -- least() passes over NULL
           greatest(ts_us, coalesce(least(acknowledged_us, lead(ts_us) over entry_so_far), 9223372036854775807)) as sure_us
    from version window entry_so_far as (partition by entry, product order by commit)
)
select entry, product, n, commit, after, ts_us as from_us,
       coalesce(lead(sure_us) over (partition by entry, product order by n), 9223372036854775807) as until_us
from sure
union all
select entry, product, 0, 0, 0, -9223372036854775807, sure_us from sure where n = 1;

-- The least stock that `doubted` can have met, over its whole stretch. Where the contract claims an order key, what this
-- key's own order took counts as there: a buyer cannot be sold out by himself.
create table least_stock as
with asked as (
    select doubted.*, entry
    from doubted left join (select distinct product, entry from stock_windows) as shelf using (product)
), last_seen as (
    select asked.*, n as last_n
    from asked asof left join (select entry, product, from_us as at_us, max(n) as n from stock_windows group by all) as w
      on w.entry = asked.entry and w.product = asked.product and w.at_us <= asked.to_us
), span as (
    select last_seen.*, n as first_n
    from last_seen asof left join (select entry, product, until_us as at_us, min(n) as n from stock_windows group by all) as w
      on w.entry = last_seen.entry and w.product = last_seen.product and last_seen.from_us <= w.at_us
), step as (
    select asked_for, attempt, order_key, product, wanted, entry, unnest(range(first_n, last_n + 1)) as n
    from span where entry is not null
), maker as (   -- the commits of the keys that are asked about
    select commit, order_key, tag from rest.made_by
    where commit in (select commit from rest.commits join (select attempt from rest.attempts semi join doubted using (order_key))
                            using (attempt)
                     union all select born from strays)
      and order_key in (select order_key from doubted)
), own as (   -- what the key's own attempts took (or gave back), until somebody else ended the order
    select maker.order_key, product, maker.commit, -delta as units, coalesce(ended_by_others, 9223372036854775807) as until
    from rest.stock as stock join maker using (commit)
    left join (select ended.order_key, min(ended) as ended_by_others
               from (select order_key, ended from rest.orders where ended is not null) as ended
               join rest.made_by as ending on ending.commit = ended
               where ending.order_key is distinct from ended.order_key group by ended.order_key) as cut
      on cut.order_key = maker.order_key, settings
    where claims_key and tag is null and product not in (select product from shared_products)
), met as (
    select step.asked_for, step.attempt, step.product, step.wanted, step.entry, w.commit,
           w.after + coalesce((select sum(own.units) from own where own.order_key = step.order_key
                               and own.product = step.product and own.commit <= w.commit
                               and (own.commit > own.until or w.commit < own.until)), 0) as units
    from step join stock_windows w using (entry, product, n)
), entry_low as (
    select asked_for, attempt, product, wanted, entry, min(units) as low, min(commit) as first_commit,
           max(commit) as last_commit
    from met group by asked_for, attempt, product, wanted, entry
)
select asked_for, attempt, product, wanted, coalesce(sum(low), 0) as low, min(first_commit) as first_commit,
       max(last_commit) as last_commit
from (select asked_for, attempt, product, wanted, low, first_commit, last_commit from entry_low
      union all
      select asked_for, attempt, product, wanted, 0, null, null from asked where entry is null)
group by asked_for, attempt, product, wanted;

-- What keeps checks from being believed: `part` is what they rest on.
create table clock_steps as
select coalesce(bool_and(commit > before), true) as in_order, max(before_us - ts_us) as worst_us
from (select commit, ts_us, lag(commit) over () as before, lag(ts_us) over () as before_us from commits);
set variable commits_in_order = (select in_order from clock_steps);
create table blind_spots as
select 'clock' as part, format('the wall clock was stepped by {} ms while attempt {} ran',
                               (returned_us - invoked_us - duration_us) // 1000, attempt) as reason
from (select * from attempts where abs(returned_us - invoked_us - duration_us) > 100000 limit 1)
union all
select 'clock', format('the server''s clock went back by {} ms in the log', worst // 1000)
from (select worst_us as worst from clock_steps where in_order
      union all
      select max(before_us - ts_us)
      from (select ts_us, lag(ts_us) over (order by commit) as before_us from commits
            where not getvariable('commits_in_order')))
where worst > 100000
union all
select 'clock', format('{} of {} acknowledged orders carry a time outside their attempt: the clocks of the buyers and of the '
                       'server differ', outside, total)
from (select any_value(plain.orders) + count(*) as total, count(*) filter (born_us < asked_us or born_us > told_us) as outside
      from rest.orders, plain where told = 'ok' and attributed_by = 'tag')
where outside > 2 and outside * 2 > total;

-- How each fault was recovered from, from its end to the next one's start: until the first order that went through, and until
-- latency was as before all faults. That is: of 20 orders due one after the other at most one took longer than `limit_us`,
-- twice what 95 of 100 took before the first fault. `since_us` is null where another fault was still on.
set variable has_faults = (select count(*) > 0 from fault_windows);
create table recoveries as
with ended as (
    select name, any_value(kind) as kind, max(healed_us) as healed_us from fault_windows group by name
), bounds as (
    select ended.*, coalesce((select min(applied_us) from fault_windows other
                              where other.name <> ended.name and other.healed_us > ended.healed_us),
                             9223372036854775807) as until_us
    from ended
), calm as (
    select case when count(*) >= 20 then 2 * quantile_disc(latency_us, 0.95) end as limit_us
    from order_results
    where getvariable('has_faults') and coalesce(due_us, invoked_us) + latency_us < (select min(applied_us) from fault_windows)
), answers as (
    select bounds.name,
           min(returned_us) filter (outcome = 'ok' and returned_us >= healed_us) as good_us,
           min(returned_us) filter (outcome in ('ok', 'sold_out', 'refused') and returned_us >= healed_us) as definite_us,
           count(*) filter (invoked_us >= healed_us and invoked_us <= healed_us + recovery_us // 2
                            and returned_us <= healed_us + recovery_us) as tried
    from bounds, settings join attempts on returned_us >= healed_us and invoked_us < until_us and returned_us <= until_us
    group by bounds.name
), placed as (
    select bounds.name, healed_us, coalesce(due_us, invoked_us) as at_us, latency_us > limit_us as slow
    from bounds, calm join order_results on coalesce(due_us, invoked_us) between healed_us and until_us
    where getvariable('has_faults') and limit_us is not null
), following as (
    select name, at_us, count(*) over twenty as orders, count(*) filter (slow) over twenty as slow
    from placed window twenty as (partition by name order by at_us rows between current row and 19 following)
), calmed as (
    select name, min(at_us) as normal_us from following where orders = 20 and slow <= 1 group by name
)
select name, kind, healed_us, case when until_us > healed_us then healed_us end as since_us,
       nullif(until_us, 9223372036854775807) as until_us, good_us - healed_us as good_after_us,
       definite_us - healed_us as definite_after_us, normal_us - healed_us as normal_after_us, limit_us,
       coalesce(tried, 0) as tried
from bounds left join answers using (name) left join calmed using (name), calm
order by healed_us;

-- The names under which a shop's own checks may look for these.
create view lines as select commit, order_id, product, delta from line_events;
create view movements as select commit, order_id, product, delta from movement_events;
create view faults as from fault_windows;
