create function checkout(p_customer uuid) returns bigint language plpgsql as $$
declare
    v_order bigint;
    v_line  record;
begin
    select order_no into v_order from carts where customer = p_customer for update;
    if not found then
        raise exception 'No cart' using errcode = '22023';
    end if;
    if v_order is not null then  -- asked before, and the answer was lost
        return v_order;
    end if;
    insert into orders (customer) values (p_customer) returning order_no into v_order;
    for v_line in select sku, sum(quantity) as quantity from cart_lines where customer = p_customer group by sku order by sku
    loop
        if v_line.quantity <= 0 then
            raise exception 'Bad quantity' using errcode = '22023';
        end if;
        update products set stock = stock - v_line.quantity where sku = v_line.sku and stock >= v_line.quantity;
        if not found then
            raise exception 'Not enough of %', v_line.sku using errcode = 'P0002';
        end if;
        insert into order_lines (order_no, sku, quantity, price)
        select v_order, sku, v_line.quantity, price from products where sku = v_line.sku;
    end loop;
    if not exists (select from order_lines where order_no = v_order) then
        raise exception 'The cart is empty' using errcode = '22023';
    end if;
    update carts set order_no = v_order where customer = p_customer;
    return v_order;
end;
$$;
