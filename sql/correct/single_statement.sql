-- design: One statement with CTEs: claims the key, locks, checks, and writes everything, or nothing at all.
-- isolation: read committed
-- contract: keyed

create function create_order_with_inventory(order_data jsonb, order_items_data jsonb[])
returns jsonb
language plpgsql
as $$
declare
    made record;
begin
    if coalesce(cardinality(order_items_data), 0) = 0 then
        raise exception 'An order needs at least one item' using errcode = '22023';
    end if;
    with cart as materialized (
        select (item ->> 'product_id')::integer as product, sum((item ->> 'quantity')::integer) as quantity,
               bool_and((item ->> 'quantity')::integer > 0) is true as is_good
        from unnest(order_items_data) as item
        group by 1
    ), claimed as (
        insert into orders (user_id, total_amount, idempotency_key)
        values ((order_data ->> 'user_id')::uuid, (order_data ->> 'total_amount')::numeric, order_data ->> 'idempotency_key')
        on conflict (idempotency_key) do nothing
        returning id
    ), mine as materialized (   -- nobody locks before his key is his
        select id from claimed limit 1
    ), locked as materialized (
        select products.id, price, stock_quantity from products
        where exists (select from mine) and products.id in (select product from cart)
        order by products.id for update
    ), judged as materialized (
        select count(*) filter (where not is_good) as bad, count(*) filter (where locked.id is null) as unknown,
               count(*) filter (where stock_quantity < quantity) as short, sum(price * quantity) as goods
        from cart left join locked on locked.id = product
    ), taken as (
        update products set stock_quantity = products.stock_quantity - quantity
        from cart, judged where products.id = product and bad = 0 and unknown = 0 and short = 0
        returning products.id, quantity, price
    ), lines as (
        insert into order_items (order_id, product_id, quantity, price_at_time)
        select mine.id, taken.id, quantity, price from mine, taken
    ), moves as (
        insert into inventory_movements (product_id, order_id, quantity_change, movement_type)
        select taken.id, mine.id, -quantity, 'order' from mine, taken
    )
    select mine.id, judged.* into made from judged left join mine on true;

    if made.id is null then
        select id into made from orders where idempotency_key = order_data ->> 'idempotency_key';
        return jsonb_build_object('success', true, 'order_id', made.id);
    end if;
    if made.bad > 0 or made.unknown > 0 or made.goods is distinct from (order_data ->> 'total_amount')::numeric then
        raise exception 'The order cannot be filled as it stands' using errcode = '22023';
    end if;
    if made.short > 0 then
        raise exception 'Insufficient stock';
    end if;
    return jsonb_build_object('success', true, 'order_id', made.id);
end;
$$;
