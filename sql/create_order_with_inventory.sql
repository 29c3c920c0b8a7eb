-- The hardened function, and the migration that brings a shop to it, one with orders and the function as first
-- published included. Safe to run again.

-- 1. Constraints. NOT VALID: they bind every new row at once, while rows that the old function left behind (an unknown
--    product, a stock below zero) cannot stop the migration; the block at the end of this part validates what it can.
alter table orders add column if not exists idempotency_key text;
alter table orders add column if not exists idempotency_cart jsonb;
create unique index if not exists orders_idempotency_key on orders (idempotency_key);

do $migration$
declare
    target record;
begin
    for target in
        select * from (values
            ('products',            'products_stock_not_negative',      'check (stock_quantity >= 0)'),
            ('order_items',         'order_items_quantity_positive',    'check (quantity > 0)'),
            ('order_items',         'order_items_product_exists',       'foreign key (product_id) references products (id)'),
            ('inventory_movements', 'inventory_movements_product_exists', 'foreign key (product_id) references products (id)'),
            ('inventory_movements', 'inventory_movements_order_exists', 'foreign key (order_id) references orders (id)')
        ) as wanted (table_name, constraint_name, definition)
    loop
        if not exists (select from pg_constraint
                       where conname = target.constraint_name and conrelid = target.table_name::regclass) then
            execute format('alter table %I add constraint %I %s not valid',
                           target.table_name, target.constraint_name, target.definition);
        end if;
        begin
            execute format('alter table %I validate constraint %I', target.table_name, target.constraint_name);
        exception when check_violation or foreign_key_violation then
            raise warning 'rows in % break % and stay as they are: %',
                          target.table_name, target.constraint_name, sqlerrm;
        end;
    end loop;
end;
$migration$;

-- 2. The function. Errors: P0001 when stock is short; 22023 for a request that can never succeed as it stands.
create or replace function create_order_with_inventory(order_data jsonb, order_items_data jsonb[])
returns jsonb
language plpgsql
as $$
declare
    request_key    text := order_data ->> 'idempotency_key';
    stated_total   numeric;
    customer       uuid;
    cart           jsonb;      -- [{"product_id", "quantity"}], one element a product, in the order of product_id
    goods_total    numeric := 0;
    new_order_id   bigint;
    first_order    record;
    wanted         record;
    shelf          record;
begin
    if coalesce(cardinality(order_items_data), 0) = 0 then
        raise exception 'An order needs at least one item' using errcode = '22023';
    end if;
    -- Conversions stand in a block of their own, so that a malformed document is a refusal like any other.
    begin
        customer := (order_data ->> 'user_id')::uuid;
        stated_total := (order_data ->> 'total_amount')::numeric;
        select jsonb_agg(jsonb_build_object('product_id', product_id, 'quantity', quantity) order by product_id)
        into cart
        from (select (item ->> 'product_id')::integer as product_id, sum((item ->> 'quantity')::integer) as quantity
              from unnest(order_items_data) as item
              group by 1) as summed;
    exception when data_exception then
        raise exception 'Malformed order: %', sqlerrm using errcode = '22023';
    end;
    if exists (select from unnest(order_items_data) as item
               where item ->> 'product_id' is null or (item ->> 'quantity')::integer > 0 is not true) then
        raise exception 'Every item needs a product and a quantity above zero' using errcode = '22023';
    end if;
    if stated_total is null then
        raise exception 'An order needs its total_amount' using errcode = '22023';
    end if;

    -- The key comes before the stock: a retry that runs beside its first try waits here for its end, and then gets the
    -- same order, instead of finding the last unit gone to itself.
    insert into orders (user_id, total_amount, status, created_at, idempotency_key, idempotency_cart)
    values (customer, stated_total, 'pending', now(), request_key, cart)
    on conflict (idempotency_key) do nothing
    returning id into new_order_id;

    if new_order_id is null then
        select id, user_id, total_amount, idempotency_cart into first_order
        from orders where idempotency_key = request_key;
        if not found then
            raise exception 'The order of this idempotency key was just removed' using errcode = '40001';
        end if;
        if (first_order.user_id, first_order.total_amount, first_order.idempotency_cart)
           is distinct from (customer, stated_total, cart) then
            raise exception 'This idempotency key belongs to a different order' using errcode = '22023';
        end if;
        return jsonb_build_object('success', true, 'order_id', first_order.id);
    end if;

    -- One lock order for everybody, by product: two crossed carts queue up instead of deadlocking.
    for wanted in
        select line.product_id, line.quantity
        from jsonb_to_recordset(cart) as line (product_id integer, quantity bigint)
        order by line.product_id
    loop
        select price, stock_quantity into shelf
        from products where id = wanted.product_id
        for no key update;
        if not found then
            raise exception 'Unknown product %', wanted.product_id using errcode = '22023';
        end if;
        if shelf.stock_quantity < wanted.quantity then
            raise exception 'Insufficient stock for product %', wanted.product_id;
        end if;
        goods_total := goods_total + shelf.price * wanted.quantity;

        insert into order_items (order_id, product_id, quantity, price_at_time)
        values (new_order_id, wanted.product_id, wanted.quantity, shelf.price);
        update products set stock_quantity = stock_quantity - wanted.quantity
        where id = wanted.product_id;
        insert into inventory_movements (product_id, order_id, quantity_change, movement_type, created_at)
        values (wanted.product_id, new_order_id, -wanted.quantity, 'order', now());
    end loop;

    if goods_total <> stated_total then
        raise exception 'The total is %, not %', goods_total, stated_total using errcode = '22023';
    end if;
    return jsonb_build_object('success', true, 'order_id', new_order_id);
end;
$$;
