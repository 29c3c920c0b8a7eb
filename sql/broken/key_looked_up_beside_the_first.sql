-- mistake: Looks the key up and goes on if it is not there: a retry beside its first try waits for the lock and is
--   told "sold out" by itself.
-- seen in: look-up of the key before the lock, with a unique index to be safe
-- convicted by: false_sold_out duplicate_order
-- scenarios: same_key small_crowds
-- contract: keyed

create function create_order_with_inventory(order_data jsonb, order_items_data jsonb[])
returns jsonb
language plpgsql
as $$
declare
    new_order_id bigint;
    goods        numeric := 0;
    line         record;
    shelf        products;
begin
    if coalesce(cardinality(order_items_data), 0) = 0 then
        raise exception 'An order needs at least one item' using errcode = '22023';
    end if;
    select id into new_order_id from orders where idempotency_key = order_data ->> 'idempotency_key';
    if found then
        return jsonb_build_object('success', true, 'order_id', new_order_id);
    end if;
    perform 1 from products where id in (select (item ->> 'product_id')::integer from unnest(order_items_data) as item)
    order by id for update;
    if exists (select from unnest(order_items_data) as item join products on id = (item ->> 'product_id')::integer
               where stock_quantity < (item ->> 'quantity')::integer) then
        raise exception 'Insufficient stock';
    end if;
    insert into orders (user_id, total_amount, idempotency_key)
    values ((order_data ->> 'user_id')::uuid, (order_data ->> 'total_amount')::numeric, order_data ->> 'idempotency_key')
    on conflict (idempotency_key) do nothing
    returning id into new_order_id;
    if new_order_id is null then
        select id into new_order_id from orders where idempotency_key = order_data ->> 'idempotency_key';
        return jsonb_build_object('success', true, 'order_id', new_order_id);
    end if;

    for line in
        select (item ->> 'product_id')::integer as product, sum((item ->> 'quantity')::integer) as quantity,
               bool_and((item ->> 'quantity')::integer > 0) as is_good
        from unnest(order_items_data) as item
        group by 1 order by 1
    loop
        if line.is_good is not true then
            raise exception 'Every item needs a quantity above zero' using errcode = '22023';
        end if;
        select * into shelf from products where id = line.product for update;
        if not found then
            raise exception 'Unknown product %', line.product using errcode = '22023';
        end if;
        if shelf.stock_quantity < line.quantity then
            raise exception 'Insufficient stock for product %', line.product;
        end if;
        goods := goods + shelf.price * line.quantity;
        insert into order_items (order_id, product_id, quantity, price_at_time)
        values (new_order_id, line.product, line.quantity, shelf.price);
        update products set stock_quantity = stock_quantity - line.quantity where id = line.product;
        insert into inventory_movements (product_id, order_id, quantity_change, movement_type)
        values (line.product, new_order_id, -line.quantity, 'order');
    end loop;

    if goods is distinct from (order_data ->> 'total_amount')::numeric then
        raise exception 'The total is %', goods using errcode = '22023';
    end if;
    return jsonb_build_object('success', true, 'order_id', new_order_id);
end;
$$;
