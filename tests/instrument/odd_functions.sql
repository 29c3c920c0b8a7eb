-- Functions with everything odd that PL/pgSQL allows. Each is called once as odd_N(); tables: shelf (id, v), log (line).

create function odd_labels() returns text language plpgsql as $$
<<outer_block>>
declare n int := 0; begin
  <<"Inner Loop">> for i in 1..3 loop
    continue "Inner Loop" when i = 2; update shelf set v = v + i where id = i; n := n + 1;
    <<deep>> begin exit deep when n > 5; insert into log values ('deep ' || n); end deep;
  end loop "Inner Loop";
  begin declare n int := 7; begin insert into log values (outer_block.n || ' ' || n); end; end;
  return n; end $$;

create function odd_several_on_a_line() returns text language plpgsql as $$ declare a int; b int; begin select v into a from shelf where id = 1; select v into b from shelf where id = 2; update shelf set v = a + b where id = 3; if found then insert into log values ('found'); end if; return a || '/' || b; end $$;

create function odd_found_and_row_count() returns text language plpgsql as $$
declare n int; told text := '';
begin
  update shelf set v = v where id <= 2; get diagnostics n = row_count; told := told || found || n;
  perform 1 from shelf where id = 99; get diagnostics n = row_count; told := told || found || n;
  delete from shelf where id = 99;
  told := told || found;
  insert into log select 'x' from generate_series(1, 3);
  get diagnostics n = row_count;
  return told || n || found;
end $$;

create function odd_handlers() returns text language plpgsql as $$
declare told text := '';
begin
  begin
    insert into shelf values (1, 0);
    told := 'not reached';
  exception
    when unique_violation then
      insert into log values ('caught'); told := sqlstate;
      begin perform 1 / 0; exception when division_by_zero then told := told || ' again'; end;
    when others then raise;
  end;
  return told || (select count(*) from log);
end $$;

create function odd_strings_and_comments() returns text language plpgsql as $function$
declare t text := 'begin; -- no comment'; "begin" text := 'end; $$ if'; /* begin /* nested; */ select */
begin -- update shelf set v = 0;
  t := t || $q$ insert into log values ('no'); $q$ || E'\'; return 1; --' || U&'\0041';
  /* if true then */ insert into log values (t); /* end if; */
  "begin" := "begin" || '''';
  return "begin" || length(t);
end; -- return
$function$;

create function odd_branches() returns text language plpgsql as $$
declare told text := ''; n int := 0;
begin
  if (select v from shelf where id = 1) > 100 then told := 'first';
  elsif exists (select from shelf where v > 1000) then told := 'second';
  elseif (select count(*) from shelf) > 2 then told := 'third'; update shelf set v = 0 where id = 1;
  else told := 'fourth'; end if;
  case (select v from shelf where id = 1) when 0, 1 then told := told || ' zero'; else told := told || ' else'; end case;
  while (select v from shelf where id = 1) < 3 loop
    update shelf set v = v + 1 where id = 1; n := n + 1; continue when n = 1; insert into log values (n::text);
  end loop;
  return told || n;
end $$;

create function odd_loops() returns setof text language plpgsql as $$
declare r record; c cursor (least int) for select v from shelf where v >= least order by id for update; i int;
begin
  for r in select * from shelf order by id loop update shelf set v = r.v + 1 where id = r.id; return next r.v::text; end loop;
  for r in execute 'select v from shelf where id = $1' using 2 loop return next 'e' || r.v; end loop;
  foreach i in array array[3, 1] loop insert into log values (i::text); end loop;
  for r in c(10) loop update shelf set v = v - 1 where current of c; end loop;
  open c(0); fetch c into i; close c; return next i::text;
  execute format('insert into %I values (%L)', 'log', 'it''s; done'); execute 'select count(*) from log' into i;
  return query select v::text from shelf order by id; return query execute 'select ''x''';
  return next i::text; return;
end $$;

create function odd_search_path() returns text language plpgsql security definer set search_path = '' as $$
declare n int := (select pg_catalog.max(v) from public.shelf);
begin
  update public.shelf set v = n where id = 1;
  return n::text;
end $$;

create function "Odd; Name"("Quoted Argument" int default 5) returns text language plpgsql as $_$
#variable_conflict use_column
declare v int := 3;
begin
  insert into "log" values ("Quoted Argument"::text);
  return (select sum(v) from "shelf")::text;
end
$_$;

create procedure odd_procedure(inout n int) language plpgsql as $$
begin insert into log values ('proc ' || n); n := n + 1; end $$;

create function odd_trigger() returns trigger language plpgsql as $$
begin insert into log values (tg_op || new.v); return new; end $$;
create trigger odd before update on shelf for each row execute function odd_trigger();

create function odd_raises() returns text language plpgsql as $$
declare n int; begin select v into strict n from shelf where id = 99; return n; end $$;
