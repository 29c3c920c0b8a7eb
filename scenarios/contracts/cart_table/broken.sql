-- Nothing keeps a cart from being checked out twice: a buyer whose answer was lost orders again.
create function checkout(p_customer uuid) returns bigint language plpgsql as $$
declare
    v_order bigint;
    v_line  record;
begin
    insert into orders (customer) values (p_customer) returning order_no into v_order;
    for v_line in select sku, sum(quantity) as quantity from cart_lines where customer = p_customer group by sku order by sku
    loop
        update products set stock = stock - v_line.quantity where sku = v_line.sku and stock >= v_line.quantity;
        if not found then
            raise exception 'Not enough of %', v_line.sku using errcode = 'P0002';
        end if;
        insert into order_lines (order_no, sku, quantity, price)
        select v_order, sku, v_line.quantity, price from products where sku = v_line.sku;
    end loop;
    return v_order;
end;
$$;
