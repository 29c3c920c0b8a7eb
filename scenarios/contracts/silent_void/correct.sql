-- Says nothing at all: whoever wants to know whether there is an order has to look.
create procedure checkout(order_key uuid, product smallint, wanted integer) language plpgsql as $$
begin
    if exists (select from orders where key = order_key) then
        return;
    end if;
    update products set stock = stock - wanted where id = product and stock >= wanted;
    if found then
        insert into orders (key, product_id, quantity) values (order_key, product, wanted);
    end if;
exception
    when unique_violation then  -- the same order, asked for at the same time: this one's stock goes back with the block
        null;
end;
$$;
