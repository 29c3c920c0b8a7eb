-- Takes what a dish needs, but once a dish instead of once a portion.
create function order_dishes(customer uuid, cart jsonb) returns bigint language plpgsql as $$
declare
    new_order bigint;
    need      record;
begin
    insert into orders (customer) values (order_dishes.customer) returning id into new_order;
    insert into order_dishes (order_id, dish_id, portions, price)
    select new_order, c.dish, sum(c.portions), dishes.price
    from jsonb_to_recordset(cart) as c (dish integer, portions integer) join dishes on dishes.id = c.dish
    group by c.dish, dishes.price;
    for need in
        select ingredient, sum(r.grams) as grams
        from order_dishes o join recipes r using (dish_id) where o.order_id = new_order
        group by ingredient order by ingredient
    loop
        update ingredients i set grams = i.grams - need.grams where i.name = need.ingredient and i.grams >= need.grams;
        if not found then
            raise exception 'Not enough %', need.ingredient using errcode = 'P0002';
        end if;
    end loop;
    return new_order;
end;
$$;
