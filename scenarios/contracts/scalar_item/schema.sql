-- One product an order, everything in scalars; the order row is its own line.
create table products (
    id    bigint primary key,
    price numeric not null,
    stock integer not null
);

create table orders (
    id          bigint generated always as identity primary key,
    customer    uuid    not null,
    request_key text    unique,
    product_id  bigint  not null,
    quantity    integer not null,
    unit_price  numeric not null,
    status      text    not null default 'placed'
);
