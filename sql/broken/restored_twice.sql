-- mistake: Cancels the order where a later line is short; a trigger puts its goods back, and so does the function.
-- seen in: stock put back by the application and by a trigger alike
-- convicted by: ghost_order conservation
-- scenarios: stateful
-- contract: flagged.toml
-- schema: ../schema.sql

create function put_back() returns trigger language plpgsql as $$
begin
    update products set stock_quantity = stock_quantity + taken.quantity
    from order_items as taken where taken.order_id = new.id and products.id = taken.product_id;
    insert into inventory_movements (product_id, order_id, quantity_change, movement_type)
    select product_id, order_id, quantity, 'cancellation' from order_items where order_id = new.id;
    return null;
end;
$$;
create trigger put_back after update of status on orders for each row
    when (new.status = 'cancelled' and old.status <> 'cancelled') execute function put_back();

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
    insert into orders (user_id, total_amount)
    values ((order_data ->> 'user_id')::uuid, (order_data ->> 'total_amount')::numeric)
    returning id into new_order_id;

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
            update products set stock_quantity = stock_quantity + taken.quantity
            from order_items as taken where taken.order_id = new_order_id and products.id = taken.product_id;
            update orders set status = 'cancelled' where id = new_order_id;
            return jsonb_build_object('success', false, 'error', 'Insufficient stock');
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
