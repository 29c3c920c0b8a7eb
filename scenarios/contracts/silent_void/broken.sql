-- Takes first and looks then: the stock that it finds too low stays lowered.
create procedure checkout(order_key uuid, product smallint, wanted integer) language plpgsql as $$
declare
    stock_left integer;
begin
    if exists (select from orders where key = order_key) then
        return;
    end if;
    update products set stock = greatest(stock - wanted, 0) where id = product and stock > 0 returning stock into stock_left;
    if found then
        insert into orders (key, product_id, quantity) values (order_key, product, wanted);
    end if;
exception
    when unique_violation then
        null;
end;
$$;
