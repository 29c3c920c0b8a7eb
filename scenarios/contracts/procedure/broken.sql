-- Commits the order before it takes the goods, to "keep the lock short".
create procedure place_order(p_customer uuid, p_key text, p_good integer, p_quantity integer,
                             out order_id bigint, out status text)
language plpgsql as $$
begin
    status := 'ok';
    if not exists (select from goods where id = p_good and stock >= p_quantity) then
        status := 'sold out';
        return;
    end if;
    insert into orders (customer, key) values (p_customer, p_key) on conflict (key) do nothing returning id into order_id;
    if order_id is null then
        select o.id into order_id from orders o where o.key = p_key;
        return;
    end if;
    insert into order_goods (order_id, good_id, quantity) values (place_order.order_id, p_good, p_quantity);
    commit;
    update goods set stock = stock - p_quantity where id = p_good;
end;
$$;
