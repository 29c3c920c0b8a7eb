create function order_items(customer uuid, items jsonb) returns bigint language plpgsql as $$
declare
    wanted    record;
    new_order bigint;
begin
    for wanted in
        select i.sku, sum(i.qty) as qty from jsonb_to_recordset(items) as i (sku integer, qty integer) group by 1 order by 1
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
