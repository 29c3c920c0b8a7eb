-- Sets the plain orders aside. A plain order is one of which no check can complain: its key was tried once and told yes,
-- with this order's id or none; that attempt's transaction made this one order and did nothing else, while the attempt was
-- under way; the order's lines are the key's cart and add up to its total, each is deducted from the stock and has its
-- movement; and nothing else in the history names the order or its key. Nearly all orders are plain, so the checks look at
-- the `rest`: a schema with tables of the same names, without the plain orders' rows. docs/checks.md argues why they find
-- the same there.
--
-- An order is a candidate as long as nothing speaks against it; whatever does marks the commit that made it. The log's
-- tables are in the order of commits and products, so they are first compared row by row; that proves what it proves in
-- any order, and where it fails joins find the commits that differ. Carts are joined to lines, and the rows counted, so
-- that one that meets two others is noticed.

-- part: the stretch of buyers
-- From the first to the last transaction of a buyer there is hardly ever one of somebody else.
create table rest.stretch as
select min(commit) filter (not is_other) as first_commit, max(commit) filter (not is_other) as last_commit,
       list(commit) filter (is_other) as others
from (select commit, tag is not null or attempt is null or attempt in (select operation from operations) as is_other
      from commits);
set variable first_commit = (select first_commit from rest.stretch);
set variable last_commit = (select last_commit from rest.stretch);
create table rest.others as
select commit from (select unnest(others) as commit from rest.stretch)
where commit between getvariable('first_commit') and getvariable('last_commit');
create view rest.log_lines as
from line_events where commit between getvariable('first_commit') and getvariable('last_commit');
create view rest.log_stock as
from stock_events where commit between getvariable('first_commit') and getvariable('last_commit');
create view rest.log_movements as
from movement_events where commit between getvariable('first_commit') and getvariable('last_commit');
create view rest.log_orders as
from order_events where commit between getvariable('first_commit') and getvariable('last_commit');

-- part: others are between
select exists (from rest.others);

-- part: leave others out
create or replace view rest.log_lines as from line_events anti join rest.others using (commit)
where commit between getvariable('first_commit') and getvariable('last_commit');
create or replace view rest.log_stock as from stock_events anti join rest.others using (commit)
where commit between getvariable('first_commit') and getvariable('last_commit');
create or replace view rest.log_movements as from movement_events anti join rest.others using (commit)
where commit between getvariable('first_commit') and getvariable('last_commit');
create or replace view rest.log_orders as from order_events anti join rest.others using (commit)
where commit between getvariable('first_commit') and getvariable('last_commit');

-- part: tie
-- Whether in all transactions of buyers each line has an equal deduction and an equal movement, and each order its lines,
-- which add up to its total.
create table rest.log_agrees as
with line as not materialized (
    select commit, order_id, lead(commit) over () as next_commit, lead(order_id) over () as next_id,
           sum(coalesce(amount, 0)) over (rows between unbounded preceding and current row) as so_far
    from rest.log_lines
), last_line as not materialized (   -- of each order, and any that is followed by another order's of the same commit
    select commit, order_id, so_far - lag(so_far, 1, 0) over () as goods
    from line where commit is distinct from next_commit or order_id is distinct from next_id
), made as not materialized (
    select commit, order_id, total, lag(commit) over () as before from rest.log_orders
)
select not exists (
    select 1 from rest.log_lines as line positional join rest.log_stock as taken
    where line.commit is distinct from taken.commit or line.product is distinct from taken.product
       or line.delta is distinct from -taken.delta
) and (not has_movements or not exists (
    select 1 from rest.log_lines as line positional join rest.log_movements as moved
    where line.commit is distinct from moved.commit or line.product is distinct from moved.product
       or line.delta is distinct from -moved.delta or line.order_id <> moved.order_id
)) and not exists (
    select 1 from last_line as line positional join made
    where line.commit is distinct from made.commit or line.order_id is distinct from made.order_id
       or made.commit <= made.before or maps_amounts and goods <> made.total
) as agrees
from settings;

-- Each commit with the order it made, and each attempt with its commits. Keys, ids and products are told by numbers of 64
-- bits, which are joined in half the time and memory. Two keys or two products of one number meet more rows than there
-- are, which the counts below notice; two ids that are compared are of one number by a chance of one in 2^64.
create macro rest.number_of(words) as if(words is null, null, hash(words));
create table rest.tied as
select coalesce(commits.commit, made.commit) as commit, attempts.attempt, attempts.key, made.id,
       attempts.told_id is not null as has_told_id, coalesce(made.has_total, false) as has_total,
       coalesce(is_yes and is_buyers and is_first and ts_us between invoked_us and returned_us
                and coalesce(attempts.told_id = made.id, attempts.told_id is null)
                and coalesce(made.key = attempts.key, made.key is null), false) as is_candidate
from (select commit, rest.number_of(order_id) as id, rest.number_of(order_key) as key, delta = 1 as is_first,
             total is not null as has_total from order_events) as made
full join (select commit, attempt, ts_us, tag is null as is_buyers from commits) as commits
  on made.commit = commits.commit
full join (select attempt, rest.number_of(order_key) as key, rest.number_of(order_id) as told_id, invoked_us, returned_us,
                  outcome = 'ok' as is_yes from attempts) as attempts
  on attempts.attempt = commits.attempt;

-- The carts, with the commit of the one candidate of their key: its lines must be those.
create table rest.wanted as
select commit, product, units
from (select rest.number_of(order_key) as key, rest.number_of(product) as product, quantity as units from request_lines)
left join (select key, commit from rest.tied where is_candidate) using (key);

create table rest.marked as
select commit from rest.tied where not is_candidate and commit is not null
union all
select commit from rest.tied semi join (select id from rest.tied group by id having count(*) > 1) using (id)
union all
select coalesce(line.commit, cart.commit)
from (select commit, rest.number_of(product) as product, delta from line_events) as line
full join (select * from rest.wanted where commit is not null) as cart using (commit, product)
where line.delta is distinct from cart.units;

-- part: the log agrees
select agrees from rest.log_agrees;

-- part: the log differs
insert into rest.marked
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
select commit from line_events group by commit, product having count(*) > 1
union all
select commit from stock_events group by commit, product having count(*) > 1
union all
select commit from movement_events group by commit, product having count(*) > 1;

-- part: each cart once
-- Whether each key has one candidate at most, and each product of its cart one line.
select (select count(*) from rest.wanted) = (select count(*) from request_lines)
   and (select count(*) from (select commit from rest.wanted where commit is not null) anti join rest.marked using (commit))
       = (select count(*) from line_events anti join rest.marked using (commit));

-- part: not each cart once
insert into rest.marked
select commit from rest.tied semi join (
    select key from rest.tied where is_candidate group by key having count(*) > 1
    union
    select rest.number_of(order_key) from request_lines
    group by rest.number_of(order_key), rest.number_of(product) having count(*) > 1) as met using (key)
where is_candidate
union all
select commit from rest.tied where is_candidate group by commit having count(*) > 1
union all
select commit from line_events group by commit, rest.number_of(product) having count(*) > 1;

-- part: set aside
drop view rest.log_lines;
drop view rest.log_stock;
drop view rest.log_movements;
drop view rest.log_orders;
drop table rest.stretch;
drop table rest.others;
drop table rest.log_agrees;
drop table rest.wanted;

-- The keys and the commits of the rest. First whatever is no candidate, or marked.
create table rest.numbers as
select commit, attempt from rest.tied where not is_candidate
union all
select commit, null from rest.marked
union all
select commit, attempt from rest.tied where is_candidate and commit in (from rest.marked);
create table rest.attempts as from attempts semi join rest.numbers using (attempt);
create table rest.commits as from commits semi join rest.numbers using (commit);
create table rest.order_events as from order_events semi join rest.numbers using (commit);
create table rest.line_events as from line_events semi join rest.numbers using (commit);
create table rest.stock_events as from stock_events semi join rest.numbers using (commit);
create table rest.movement_events as from movement_events semi join rest.numbers using (commit);

-- Then each candidate that is named by it: by its order's id, by its key, or by its customer where no attempt made it.
create table rest.named_keys as
select order_key from requests where order_class is distinct from 'valid'
union
select order_key from attempts semi join probes using (attempt)
union
select order_key from operations where order_key is not null
union
select order_key from probes where order_key is not null
union
select order_key from rest.order_events semi join rest.marked using (commit) where order_key is not null
union
select order_key from requests semi join (
    select customer from rest.order_events
    semi join (select commit from rest.tied where key is null and id is not null) using (commit)) using (customer);

create table rest.keys as select order_key from rest.attempts union select order_key from rest.named_keys;
create table rest.requests as from requests semi join rest.keys using (order_key);
create table rest.request_lines as from request_lines semi join rest.keys using (order_key);

create table rest.met as
select key from rest.tied where not is_candidate and key is not null
union
select key from rest.tied semi join rest.marked using (commit) where key is not null
union
select rest.number_of(order_key) from rest.named_keys;

create table rest.ids as
select id from rest.tied semi join rest.marked using (commit)
union
select rest.number_of(order_id) from rest.line_events semi join rest.marked using (commit)
union
select rest.number_of(order_id) from rest.movement_events semi join rest.marked using (commit)
union
select id from rest.tied semi join rest.met using (key)   -- what their candidates were told
union
select rest.number_of(order_id) from rest.attempts
union
select rest.number_of(order_id) from operations;

create table rest.named as
select commit, attempt from rest.tied anti join rest.numbers using (commit)
where is_candidate and (key in (from rest.met)
                        or commit in (select commit from rest.tied semi join rest.ids using (id) where commit is not null));

-- part: some are named
select exists (from rest.named);

-- part: add the named
insert into rest.attempts
from attempts semi join rest.named using (attempt) anti join rest.numbers using (attempt);
insert into rest.commits from commits semi join rest.named using (commit);
insert into rest.order_events from order_events semi join rest.named using (commit);
insert into rest.line_events from line_events semi join rest.named using (commit);
insert into rest.stock_events from stock_events semi join rest.named using (commit);
insert into rest.movement_events from movement_events semi join rest.named using (commit);
insert into rest.numbers from rest.named;
create table rest.more_keys as
select distinct order_key from (from attempts semi join rest.named using (attempt)) anti join rest.keys using (order_key);
insert into rest.requests from requests semi join rest.more_keys using (order_key);
insert into rest.request_lines from request_lines semi join rest.more_keys using (order_key);
insert into rest.keys from rest.more_keys;
drop table rest.more_keys;

-- part: put away
create table plain as
select count(*) as orders, count(*) filter (has_told_id) as with_told_id, count(*) filter (has_total) as with_total
from (select * from rest.tied where is_candidate) anti join rest.numbers using (commit);
drop table rest.marked;
drop table rest.met;
drop table rest.ids;
drop table rest.named;
drop table rest.tied;
