-- The function as first published. Atomic, and never oversells a known product; but it
--   * locks in the caller's order, so two crossed carts deadlock;
--   * lets an unknown product through (NULL < quantity is not true);
--   * lets a negative quantity raise the stock;
--   * trusts the caller's price and total;
--   * has no idempotency key: a retry after a lost answer orders twice.
create function create_order_with_inventory(order_data jsonb, order_items_data jsonb[])
returns jsonb
language plpgsql
as $$
declare
    new_order_id  bigint;
    item          jsonb;
    current_stock integer;
begin
    insert into orders (user_id, total_amount, status, created_at)
    values ((order_data ->> 'user_id')::uuid, (order_data ->> 'total_amount')::numeric, 'pending', now())
    returning id into new_order_id;

    foreach item in array order_items_data loop
        select stock_quantity into current_stock
        from products where id = (item ->> 'product_id')::integer
        for update;

        if current_stock < (item ->> 'quantity')::integer then
            raise exception 'Insufficient stock for product %', item ->> 'product_id';
        end if;

        insert into order_items (order_id, product_id, quantity, price_at_time)
        values (new_order_id, (item ->> 'product_id')::integer, (item ->> 'quantity')::integer,
                (item ->> 'price')::numeric);

        update products set stock_quantity = stock_quantity - (item ->> 'quantity')::integer
        where id = (item ->> 'product_id')::integer;

        insert into inventory_movements (product_id, order_id, quantity_change, movement_type, created_at)
        values ((item ->> 'product_id')::integer, new_order_id, -(item ->> 'quantity')::integer, 'order', now());
    end loop;

    return jsonb_build_object('success', true, 'order_id', new_order_id);
end;
$$;
