create function order_shirts(customer uuid, shirt_ids integer[], sizes text[], quantities integer[])
returns table (order_id integer, problem text) language plpgsql as $$
declare
    wanted record;
begin
    if coalesce(cardinality(shirt_ids), 0) = 0 or exists (select from unnest(quantities) as q where q > 0 is not true) then
        return query select null::integer, 'bad request';
        return;
    end if;
    insert into orders (customer) values (order_shirts.customer) returning id into order_id;
    for wanted in
        select w.shirt, w.size, sum(w.quantity) as quantity
        from unnest(shirt_ids, sizes, quantities) as w (shirt, size, quantity) group by 1, 2 order by 1, 2
    loop
        update variants v set stock = v.stock - wanted.quantity
        where v.shirt_id = wanted.shirt and v.size = wanted.size and v.stock >= wanted.quantity;
        if not found then
            raise exception 'short' using errcode = 'SH001';
        end if;
        insert into order_lines (order_id, shirt_id, size, quantity)
        values (order_shirts.order_id, wanted.shirt, wanted.size, wanted.quantity);
    end loop;
    return next;
end;
$$;
