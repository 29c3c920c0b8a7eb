-- mistake: The step that takes the goods rolls back by itself where stock is short; the application gives them back
--   all the same.
-- seen in: sagas whose compensation does not know how far its step had come
-- convicted by: conservation ghost_order
-- scenarios: stateful
-- contract: released_by_hand_too.toml

create function take(goods jsonb) returns boolean language plpgsql as $$
declare
    line record;
begin
    for line in
        select product, sum(quantity) as quantity from jsonb_to_recordset(goods) as l (product integer, quantity integer)
        group by 1 order by 1
    loop
        update products set stock_quantity = stock_quantity - line.quantity
        where id = line.product and stock_quantity >= line.quantity;
        if not found then
            raise exception 'Insufficient stock for product %', line.product;
        end if;
    end loop;
    return true;
end;
$$;
