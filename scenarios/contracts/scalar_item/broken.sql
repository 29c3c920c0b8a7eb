-- Looks first and writes what it computed: two buyers who looked at the same stock both write it less their own.
create function place_order(p_customer uuid, p_product bigint, p_quantity integer, p_request_key text default null,
                            p_note text default null)
returns bigint language plpgsql as $$
declare
    v_product products;
    v_order bigint;
begin
    select * into v_product from products where id = p_product;
    if not found or p_quantity > 0 is not true then
        raise exception 'Unknown product or quantity' using errcode = '22023';
    end if;
    if v_product.stock < p_quantity then
        raise exception 'Product % is sold out', p_product;
    end if;
    insert into orders (customer, request_key, product_id, quantity, unit_price)
    values (p_customer, p_request_key, p_product, p_quantity, v_product.price) returning id into v_order;
    update products set stock = v_product.stock - p_quantity where id = p_product;
    return v_order;
end;
$$;
