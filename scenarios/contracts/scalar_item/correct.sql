-- Answers with the order's number. The key comes before the stock, and one UPDATE both looks and takes.
create function place_order(p_customer uuid, p_product bigint, p_quantity integer, p_request_key text default null,
                            p_note text default null)
returns bigint language plpgsql as $$
declare
    v_order orders;
begin
    if p_quantity > 0 is not true then
        raise exception 'The quantity must be above zero' using errcode = '22023';
    end if;
    insert into orders (customer, request_key, product_id, quantity, unit_price)
    select p_customer, p_request_key, p_product, p_quantity, price from products where id = p_product
    on conflict (request_key) do nothing
    returning * into v_order;
    if not found then
        select * into v_order from orders where request_key = p_request_key;
        if not found then
            raise exception 'Unknown product %', p_product using errcode = '22023';
        end if;
        if (v_order.customer, v_order.product_id, v_order.quantity) is distinct from (p_customer, p_product, p_quantity) then
            raise exception 'This key belongs to another order' using errcode = '22023';
        end if;
        return v_order.id;
    end if;
    update products set stock = stock - p_quantity where id = p_product and stock >= p_quantity;
    if not found then
        raise exception 'Product % is sold out', p_product;
    end if;
    return v_order.id;
end;
$$;
