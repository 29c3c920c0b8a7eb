create type cart_line as (product uuid, quantity integer);
create type checkout_status as enum ('confirmed', 'out_of_stock', 'rejected');
create type checkout_result as (status checkout_status, order_id uuid);

create table products (
    id       uuid primary key,
    price    numeric not null,
    in_stock bigint  not null
);

create table orders (
    id       uuid primary key default gen_random_uuid(),
    customer uuid not null
);

create table order_lines (
    order_id   uuid    not null references orders (id),
    product_id uuid    not null,
    quantity   integer not null,
    price      numeric not null
);
