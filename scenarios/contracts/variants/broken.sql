-- Takes from every size of the shirt, not from the one that was ordered.
create function order_shirts(customer uuid, shirt_ids integer[], sizes text[], quantities integer[])
returns table (order_id integer, problem text) language plpgsql as $$
declare
    wanted record;
begin
    insert into orders (customer) values (order_shirts.customer) returning id into order_id;
    for wanted in
        select w.shirt, w.size, sum(w.quantity) as quantity
        from unnest(shirt_ids, sizes, quantities) as w (shirt, size, quantity) group by 1, 2 order by 1, 2
    loop
        update variants v set stock = v.stock - wanted.quantity
        where v.shirt_id = wanted.shirt and v.stock >= wanted.quantity;
        if not found then
            raise exception 'short' using errcode = 'SH001';
        end if;
        insert into order_lines (order_id, shirt_id, size, quantity)
        values (order_shirts.order_id, wanted.shirt, wanted.size, wanted.quantity);
    end loop;
    return next;
end;
$$;
