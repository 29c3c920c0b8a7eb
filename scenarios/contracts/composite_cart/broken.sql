-- The statement that takes does not look: between the look and it another buyer may have had the last one.
create function place_order(customer uuid, cart cart_line[]) returns checkout_result language plpgsql as $$
declare
    v_order uuid;
begin
    if exists (select from (select l.product, sum(l.quantity) as quantity from unnest(cart) as l group by l.product) as wanted
               left join products on products.id = wanted.product
               where products.in_stock >= wanted.quantity is not true) then
        return ('out_of_stock', null)::checkout_result;
    end if;
    insert into orders (customer) values (place_order.customer) returning id into v_order;
    insert into order_lines (order_id, product_id, quantity, price)
    select v_order, l.product, l.quantity, products.price from unnest(cart) as l join products on products.id = l.product;
    update products set in_stock = in_stock - wanted.quantity
    from (select l.product, sum(l.quantity) as quantity from unnest(cart) as l group by l.product) as wanted
    where products.id = wanted.product;
    return ('confirmed', v_order)::checkout_result;
end;
$$;
