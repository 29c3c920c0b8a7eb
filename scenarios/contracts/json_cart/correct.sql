-- Answers {"ok": true, "sale": N}, or {"ok": false, "code": "…"}: a flag does not roll back, so everything is looked at
-- under lock before anything is written.
create function checkout(cart jsonb) returns jsonb language plpgsql as $$
declare
    wanted record;
    sale   bigint;
begin
    if jsonb_typeof(cart -> 'items') is distinct from 'array' or jsonb_array_length(cart -> 'items') = 0
       or exists (select from jsonb_to_recordset(cart -> 'items') as i (id integer, units integer)
                  where i.id is null or i.units > 0 is not true) then
        return jsonb_build_object('ok', false, 'code', 'BAD_CART');
    end if;
    perform from items where id in (select (i ->> 'id')::integer from jsonb_array_elements(cart -> 'items') as i)
    order by id for no key update;
    for wanted in
        select i.id, sum(i.units) as units, items.available
        from jsonb_to_recordset(cart -> 'items') as i (id integer, units integer) left join items using (id)
        group by i.id, items.available
    loop
        if wanted.available is null then
            return jsonb_build_object('ok', false, 'code', 'UNKNOWN_ITEM');
        end if;
        if wanted.available < wanted.units then
            return jsonb_build_object('ok', false, 'code', 'OUT_OF_STOCK', 'item', wanted.id);
        end if;
    end loop;
    insert into sales (buyer) values (cart ->> 'buyer') returning id into sale;
    insert into sale_items (sale_id, item_id, units, price)
    select sale, i.id, sum(i.units), items.price
    from jsonb_to_recordset(cart -> 'items') as i (id integer, units integer) join items using (id)
    group by i.id, items.price;
    update items set available = available - sale_items.units
    from sale_items where sale_items.sale_id = sale and sale_items.item_id = items.id;
    return jsonb_build_object('ok', true, 'sale', sale);
end;
$$;
