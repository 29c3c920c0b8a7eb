-- There is no row to lock, so an advisory lock stands for each product; taken in one order, each before its sum is read.
create function warehouse.ship(order_key text, customer uuid, cart jsonb) returns bigint language plpgsql as $$
declare
    new_order bigint;
    line      record;
begin
    insert into warehouse.orders (key, customer) values (order_key, ship.customer) on conflict (key) do nothing
    returning id into new_order;
    if not found then
        return (select id from warehouse.orders where key = order_key);
    end if;
    for line in
        select product, sum(quantity)::integer as quantity from jsonb_to_recordset(cart) as l (product text, quantity integer)
        group by product order by product
    loop
        if line.quantity > 0 is not true then
            raise exception 'Bad quantity' using errcode = '22023';
        end if;
        perform pg_advisory_xact_lock(hashtextextended(line.product, 0));
        if (select coalesce(sum(change), 0) from warehouse.ledger where sku = line.product) < line.quantity then
            raise exception 'Not enough of %', line.product using errcode = 'P0002';
        end if;
        insert into warehouse.order_lines values (new_order, line.product, line.quantity);
        insert into warehouse.ledger (sku, change, order_id) values (line.product, -line.quantity, new_order);
    end loop;
    if not exists (select from warehouse.order_lines where order_id = new_order) then
        raise exception 'Empty' using errcode = '22023';
    end if;
    return new_order;
end;
$$;
