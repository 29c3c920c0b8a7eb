-- Runs with its owner's rights, which see every row, and names everything whole.
create function public.guest_checkout(guest uuid, product integer, quantity integer) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
    new_order uuid;
begin
    update public.products p set stock = p.stock - guest_checkout.quantity
    where p.id = product and p.stock >= guest_checkout.quantity;
    if not found then
        raise exception 'Sold out' using errcode = 'PT409';
    end if;
    insert into public.orders (guest, product_id, quantity)
    values (guest_checkout.guest, product, guest_checkout.quantity) returning id into new_order;
    return new_order;
end;
$$;
