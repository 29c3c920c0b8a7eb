-- mistake: A procedure commits the order before it takes the goods, to keep the lock short.
-- seen in: procedures that came over from other databases, with COMMIT in loops
-- convicted by: partial_order conservation
-- scenarios: stateful
-- contract: ../../scenarios/contracts/procedure/contract.toml
-- schema: ../../scenarios/contracts/procedure/schema.sql

create procedure place_order(p_customer uuid, p_key text, p_good integer, p_quantity integer,
                             out order_id bigint, out status text)
language plpgsql as $$
begin
    status := 'ok';
    if p_quantity > 0 is not true then
        raise exception 'bad quantity' using errcode = '22023';
    end if;
    insert into orders (customer, key) values (p_customer, p_key) on conflict (key) do nothing returning id into order_id;
    if order_id is null then
        select o.id into order_id from orders o where o.key = p_key;
        return;
    end if;
    insert into order_goods (order_id, good_id, quantity) values (place_order.order_id, p_good, p_quantity);
    commit;
    update goods set stock = stock - p_quantity where id = p_good and stock >= p_quantity;
    if not found then
        delete from order_goods g where g.order_id = place_order.order_id;
        delete from orders o where o.id = place_order.order_id;
        order_id := null;
        status := 'sold out';
    end if;
end;
$$;
