-- The cart is a table of its own, filled before the checkout; the checkout turns it into an order, once.
create table products (
    sku   text primary key,
    price numeric not null,
    stock integer not null
);

create table carts (
    customer uuid primary key,
    order_no bigint
);

create table cart_lines (
    customer uuid    not null references carts (customer),
    sku      text    not null,
    quantity integer not null
);

create table orders (
    order_no bigint generated always as identity primary key,
    customer uuid    not null,
    status   text    not null default 'new'
);

create table order_lines (
    order_no bigint  not null references orders (order_no),
    sku      text    not null,
    quantity integer not null,
    price    numeric not null
);
