-- Sets the plain orders aside. A plain order is one of which no check can complain: its key was tried once and told yes,
-- with this order's id or none; that attempt's transaction made this one order and did nothing else, while the attempt was
-- under way; the order's lines are the key's cart and add up to its total, each is deducted from the stock and has its
-- movement; and nothing else in the history names the order or its key. Nearly all orders are plain, so the checks look at
-- the `rest`: a schema with tables of the same names, without the plain orders' rows. docs/checks.md argues why they find
-- the same there.
--
-- An order is a candidate as long as nothing speaks against it. Joins tell which orders' answers, times, ids or names speak
-- against them. Whether lines, carts, stock, movements and totals agree is asked at once for all candidates that are left, by
-- sums of hashes of what has to be equal; only where sums differ, joins find the orders.

-- part: set aside
-- Keys and ids are told by numbers of 64 bits, which are joined in half the time and memory.
create macro rest.number_of(words) as if(words is null, null, hash(words));

-- Each commit with the order it made, and each attempt with its commits. Where every yes gave an id, attempts are joined to
-- orders by it, and their commits' attempts held against them: then an id that is not one order's alone ties an attempt to a
-- commit that is not its, and need not be looked for.
set variable tells_ids = (select count(*) filter (outcome = 'ok') = 0 from attempts where order_id is null);
create table rest.tied as
select coalesce(commits.commit, made.commit) as commit, attempts.attempt, attempts.key, made.id,
       attempts.told_id is not null as has_told_id, coalesce(made.has_total, false) as has_total,
       coalesce(is_yes and is_buyers and is_first and commits.attempt = attempts.attempt
                and ts_us between invoked_us and returned_us
                and coalesce(attempts.told_id = made.id, attempts.told_id is null)
                and coalesce(made.key = attempts.key, made.key is null), false) as is_candidate
from (select attempt, rest.number_of(order_key) as key, rest.number_of(order_id) as told_id, invoked_us, returned_us,
             outcome = 'ok' as is_yes from attempts) as attempts
full join (
    (select commit, attempt, ts_us, tag is null as is_buyers from commits) as commits
    full join (select commit, rest.number_of(order_id) as id, rest.number_of(order_key) as key, delta = 1 as is_first,
                      total is not null as has_total from order_events) as made
      on made.commit = commits.commit
) on if(getvariable('tells_ids'), told_id, attempts.attempt::ubigint) = if(getvariable('tells_ids'), id, commits.attempt::ubigint);

-- Keys that are named by what makes no order of theirs, and those that nobody ever asked for.
create table rest.named_keys as
select order_key from requests where order_class is distinct from 'valid'
union
select order_key from requests where started_us is null
union
select order_key from attempts semi join probes using (attempt)
union
select order_key from operations where order_key is not null
union
select order_key from probes where order_key is not null;

-- Commits of candidates that are none after all: the order's id is not its alone, or its key is named or was tried again.
create table rest.unfit as
select commit from rest.tied semi join (select id from rest.tied where not getvariable('tells_ids') group by id having count(*) > 1) using (id)
where is_candidate
union
select commit from rest.tied semi join (
    select rest.number_of(order_key) as key from rest.named_keys
    union all
    select key from rest.tied where not is_candidate) using (key)
where is_candidate;

create view rest.fit as from rest.tied anti join rest.unfit using (commit) where is_candidate;

-- The commits and attempts of the rest.
create table rest.numbers as
select commit, attempt from rest.tied where not is_candidate
union all
select commit, attempt from rest.tied semi join rest.unfit using (commit) where is_candidate;

create table rest.commits as from commits semi join rest.numbers using (commit);
create table rest.attempts as
from attempts semi join (select attempt from rest.numbers union all select attempt from rest.commits) using (attempt);
create table rest.order_events as from order_events semi join rest.numbers using (commit);
create table rest.line_events as from line_events semi join rest.numbers using (commit);
create table rest.stock_events as from stock_events semi join rest.numbers using (commit);
create table rest.movement_events as from movement_events semi join rest.numbers using (commit);
create table rest.keys as select order_key from rest.attempts union select order_key from rest.named_keys;
create table rest.requests as from requests semi join rest.keys using (order_key);
create table rest.request_lines as from request_lines semi join rest.keys using (order_key);

-- Whether the candidates' lines are the carts of their keys, of which each has one candidate; each line has an equal deduction
-- and an equal movement; and each order has its lines, which add up to its total. What differs has the same sum of hashes by a
-- chance of one in 2^64 (the outer hash keeps differences from cancelling out), and the same sum of weighted amounts of one in
-- 2^40, which amounts up to 10^9 do not overflow. What a row of the rest adds to a sum over all rows is taken off.
create table rest.agreement as
with line as (
    select coalesce(sum(hash(hash(key, item))), 0) as in_carts,
           coalesce(sum(hash(hash(line.commit, item))), 0) as in_stock,
           coalesce(sum(hash(hash(line.commit, item, id))), 0) as in_movements_of_orders,
           coalesce(sum(weight * case when abs(amount) <= 1000000000 then amount end) filter (has_total), 0) as in_totals,
           count(*) filter (abs(amount) > 1000000000) as large, count(*) filter (order_id is distinct from id) as of_others
    from (select commit, hash(product, delta) as item, rest.number_of(order_id) as order_id, amount, hash(commit) >> 24 as weight
          from line_events) as line
    join (select commit, key, id, has_total from rest.fit) as fit using (commit)
), keys as (
    select coalesce(sum(hash(key)), 0) as in_candidates from rest.fit
), cart as (
    select coalesce(sum(sign * items), 0) as items, coalesce(sum(sign * keys), 0) as keys
    from (select sign, sum(hash(hash(key, item))) as items, sum(hash(key)) filter (line = 0) as keys
          from (select 1 as sign, rest.number_of(order_key) as key, hash(product, quantity) as item, line from request_lines
                union all
                select -1, rest.number_of(order_key), hash(product, quantity), line from rest.request_lines)
          group by sign)
), stock as (
    select coalesce(sum(sign * items), 0) as items
    from (select sign, sum(hash(hash(commit, hash(product, -delta)))) as items
          from (select 1 as sign, * from stock_events union all select -1, * from rest.stock_events) group by sign)
), movement as (
    select coalesce(sum(sign * items), 0) as items, coalesce(sum(sign * items_of_orders), 0) as items_of_orders,
           coalesce(sum(sign * named), 0) as named
    from (select sign, sum(hash(hash(commit, item))) as items, sum(hash(hash(commit, item, id))) as items_of_orders, count(id) as named
          from (select 1 as sign, commit, hash(product, -delta) as item, rest.number_of(order_id) as id from movement_events
                union all
                select -1, commit, hash(product, -delta), rest.number_of(order_id) from rest.movement_events)
          group by sign)
), made as (
    select coalesce(sum(sign * weighed), 0) as totals
    from (select sign, sum((hash(commit) >> 24) * case when abs(total) <= 1000000000 then total end) as weighed
          from (select 1 as sign, commit, total from order_events union all select -1, commit, total from rest.order_events)
          group by sign)
)
select in_carts = cart.items and in_candidates = cart.keys and in_stock = stock.items and of_others = 0
   and (not has_movements or in_movements_of_orders = items_of_orders or named = 0 and in_stock = movement.items)
   and (not maps_amounts or in_totals = totals and large = 0) as agrees
from line, keys, cart, stock, movement, made, settings;

-- part: look for the named
-- Candidates that are named by the rest: by their order's id, by their key, or by their customer where no attempt made an
-- order of his.
create or replace table rest.more_keys as
select order_key from (
    select order_key from rest.order_events where order_key is not null
    union
    select order_key from requests semi join (
        select customer from rest.order_events
        semi join (select commit from rest.commits where attempt is null and tag is null) using (commit)) using (customer)
) anti join rest.keys using (order_key);

create or replace table rest.ids as   -- an id of an order of the rest is no candidate's
select id from (
    select rest.number_of(order_id) as id from rest.attempts
    union
    select rest.number_of(order_id) from rest.line_events
    union
    select rest.number_of(order_id) from rest.movement_events
    union
    select rest.number_of(order_id) from operations
) anti join (select rest.number_of(order_id) as id from rest.order_events) using (id);

create or replace table rest.added as
select commit, attempt from (
    select commit, attempt from rest.tied semi join (
        select rest.number_of(order_key) as key from (from rest.keys union all from rest.more_keys)) using (key)
    where is_candidate
    union
    select commit, attempt from rest.tied semi join rest.ids using (id) where is_candidate
) anti join rest.unfit using (commit);

-- part: all agree
select agrees from rest.agreement;

-- part: some are named
select exists (from rest.added) or exists (from rest.more_keys);

-- part: add
insert into rest.unfit select distinct commit from rest.added;
insert into rest.attempts
from attempts semi join rest.added using (attempt) anti join (select attempt from rest.attempts) using (attempt);
insert into rest.commits from commits semi join rest.added using (commit) anti join rest.numbers using (commit);
insert into rest.order_events from order_events semi join rest.added using (commit) anti join rest.numbers using (commit);
insert into rest.line_events from line_events semi join rest.added using (commit) anti join rest.numbers using (commit);
insert into rest.stock_events from stock_events semi join rest.added using (commit) anti join rest.numbers using (commit);
insert into rest.movement_events
from movement_events semi join rest.added using (commit) anti join rest.numbers using (commit);
insert into rest.numbers from rest.added;
create or replace table rest.new_keys as
select order_key from (
    select order_key from rest.more_keys union select order_key from attempts semi join rest.added using (attempt)
) anti join rest.keys using (order_key);
insert into rest.requests from requests semi join rest.new_keys using (order_key);
insert into rest.request_lines from request_lines semi join rest.new_keys using (order_key);
insert into rest.keys from rest.new_keys;
drop table rest.new_keys;

-- part: find what differs
-- The carts, with the commit of the one candidate of their key: its lines must be those.
create table rest.wanted as
select commit, product, units
from (select rest.number_of(order_key) as key, rest.number_of(product) as product, quantity as units from request_lines)
join rest.fit using (key);

create table rest.differing as
select coalesce(line.commit, cart.commit) as commit
from (select commit, rest.number_of(product) as product, delta from line_events) as line
full join rest.wanted as cart using (commit, product)
where line.delta is distinct from cart.units
union all
select coalesce(line.commit, stock.commit) from line_events as line full join stock_events as stock using (commit, product)
where line.delta is distinct from -stock.delta
union all
select coalesce(line.commit, moved.commit)
from (select * from line_events where (select has_movements from settings)) as line
full join movement_events as moved using (commit, product)
where line.delta is distinct from -moved.delta or line.order_id <> moved.order_id
union all
select coalesce(line.commit, made.commit)
from (select commit, sum(amount) as goods, min(order_id) as first_id, max(order_id) as last_id
      from line_events group by commit) as line
full join order_events as made on made.commit = line.commit, settings
where first_id is distinct from made.order_id or last_id is distinct from made.order_id
   or maps_amounts and coalesce(goods, 0) <> made.total
union all
select commit from order_events group by commit having count(*) > 1
union all
select commit from line_events group by commit, rest.number_of(product) having count(*) > 1
union all
select commit from stock_events group by commit, product having count(*) > 1
union all
select commit from movement_events group by commit, product having count(*) > 1
union all
select commit from rest.fit semi join (
    select key from rest.fit group by key having count(*) > 1
    union
    select rest.number_of(order_key) from request_lines
    group by rest.number_of(order_key), rest.number_of(product) having count(*) > 1) using (key);

create or replace table rest.added as
select commit, fit.attempt
from (select distinct commit from rest.differing) left join rest.fit as fit using (commit) anti join rest.numbers using (commit);
drop table rest.wanted;
drop table rest.differing;

-- part: put away
create table plain as
select count(*) as orders, count(*) filter (has_told_id) as with_told_id, count(*) filter (has_total) as with_total
from rest.fit;
drop view rest.fit;
drop table rest.tied;
drop table rest.unfit;
drop table rest.numbers;
drop table rest.named_keys;
drop table rest.more_keys;
drop table rest.ids;
drop table rest.added;
drop table rest.keys;
drop table rest.agreement;
