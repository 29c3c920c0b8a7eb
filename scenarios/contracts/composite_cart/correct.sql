create function place_order(customer uuid, cart cart_line[]) returns checkout_result language plpgsql as $$
declare
    v_order uuid;
    v_line  record;
begin
    if coalesce(cardinality(cart), 0) = 0 or exists (select from unnest(cart) as l where l.quantity > 0 is not true) then
        return ('rejected', null)::checkout_result;
    end if;
    insert into orders (customer) values (place_order.customer) returning id into v_order;
    for v_line in select l.product, sum(l.quantity) as quantity from unnest(cart) as l group by l.product order by l.product
    loop
        update products set in_stock = in_stock - v_line.quantity
        where id = v_line.product and in_stock >= v_line.quantity;
        if not found then
            raise exception 'out of stock';
        end if;
        insert into order_lines (order_id, product_id, quantity, price)
        select v_order, id, v_line.quantity, price from products where id = v_line.product;
    end loop;
    return ('confirmed', v_order)::checkout_result;
exception
    when raise_exception then  -- the block's changes are undone with it
        return ('out_of_stock', null)::checkout_result;
end;
$$;
