create function fail_with(state text) returns int language plpgsql as $$
begin
    raise exception 'it failed with %', state using errcode = state, detail = 'a detail', hint = 'a hint';
end $$;
create function twice(n int) returns int language sql as $$ select n * 2 $$;
create function with_default(a text, b text default 'B') returns text language sql as $$ select a || b $$;
create function rows(n int) returns table (i int, word text) language sql as $$ select g, 'w' || g from generate_series(1, n) g $$;
create function one_row() returns products language sql as $$ select * from products where id = 1 $$;
create function nothing() returns void language sql as $$ select $$;
create function null_answer() returns int language sql as $$ select null::int $$;
create function overloaded(a int, b int default 1) returns int language sql as $$ select a $$;
create function overloaded(a int, c text default '') returns int language sql as $$ select a $$;
create function write_and_fail() returns void language plpgsql as $$
begin
    update products set stock_quantity = 0 where id = 2;
    raise exception 'after all, no';
end $$;
create function calls_nobody() returns int language plpgsql as $$ begin return no_such_function(1); end $$;
create sequence tries;
create function third_time_lucky() returns bigint language plpgsql as $$
declare
    n bigint := nextval('tries');
begin
    if n < 3 then
        raise exception 'could not serialize access' using errcode = '40001';
    end if;
    return n;
end $$;
