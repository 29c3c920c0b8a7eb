-- Takes each line of the document once, but a product that two lines name is taken for the first of them alone.
create function order_items(customer uuid, items jsonb) returns bigint language plpgsql as $$
declare
    wanted    record;
    new_order bigint;
begin
    for wanted in
        select distinct on (i.sku) i.sku, i.qty from jsonb_to_recordset(items) as i (sku integer, qty integer) order by i.sku
    loop
        if wanted.qty > 0 is not true then
            raise exception 'bad quantity' using errcode = '22023';
        end if;
        update products set stock = stock - wanted.qty where id = wanted.sku and stock >= wanted.qty;
        if not found then
            raise exception 'sold out: %', wanted.sku using errcode = 'P0002';
        end if;
    end loop;
    insert into orders (customer, items) values (order_items.customer, order_items.items) returning id into new_order;
    return new_order;
end;
$$;
