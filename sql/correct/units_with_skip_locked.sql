-- design: One row a unit, taken with SKIP LOCKED; who finds too few waits for those who hold some before he says
--   sold out.
-- isolation: read committed
-- contract: units.toml

create function create_order_with_inventory(order_data jsonb, order_items_data jsonb[])
returns jsonb
language plpgsql
as $$
declare
    new_order_id bigint;
    goods        numeric := 0;
    line         record;
    shelf_price  numeric;
    taken        bigint[];
begin
    if coalesce(cardinality(order_items_data), 0) = 0 then
        raise exception 'An order needs at least one item' using errcode = '22023';
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
        select price into shelf_price from products where id = line.product;
        if not found then
            raise exception 'Unknown product %', line.product using errcode = '22023';
        end if;
        begin
            select array_agg(id) into taken
            from (select id from units where product_id = line.product and order_id is null
                  order by id limit line.quantity for update skip locked) as free;
            if coalesce(cardinality(taken), 0) < line.quantity then
                raise exception using errcode = 'no_data_found';  -- lets go of what was locked
            end if;
        exception when no_data_found then
            -- Others hold some, and may let go of them: wait, holding none, in one order for all.
            select (array_agg(id))[: line.quantity] into taken
            from (select id from units where product_id = line.product and order_id is null
                  order by id for update) as free;
        end;
        if coalesce(cardinality(taken), 0) < line.quantity then
            raise exception 'Insufficient stock for product %', line.product;
        end if;
        goods := goods + shelf_price * line.quantity;
        update units set order_id = new_order_id where id = any(taken);
    end loop;

    if goods is distinct from (order_data ->> 'total_amount')::numeric then
        raise exception 'The total is %', goods using errcode = '22023';
    end if;
    return jsonb_build_object('success', true, 'order_id', new_order_id);
end;
$$;
