-- Takes line after line, and answers with a flag when one is short: what it has taken by then is committed.
create function checkout(cart jsonb) returns jsonb language plpgsql as $$
declare
    wanted record;
    sale   bigint;
begin
    insert into sales (buyer) values (cart ->> 'buyer') returning id into sale;
    for wanted in
        select i.id, sum(i.units)::integer as units
        from jsonb_to_recordset(cart -> 'items') as i (id integer, units integer) group by i.id order by i.id
    loop
        update items set available = available - wanted.units where id = wanted.id and available >= wanted.units;
        if not found then
            return jsonb_build_object('ok', false, 'code', 'OUT_OF_STOCK', 'item', wanted.id);
        end if;
        insert into sale_items (sale_id, item_id, units, price)
        select sale, wanted.id, wanted.units, price from items where id = wanted.id;
    end loop;
    return jsonb_build_object('ok', true, 'sale', sale);
end;
$$;
