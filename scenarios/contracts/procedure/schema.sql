create table goods (
    id    integer primary key,
    price numeric not null,
    stock integer not null
);

create table orders (
    id       bigint generated always as identity primary key,
    customer uuid    not null,
    key      text    unique
);

create table order_goods (
    order_id bigint  not null references orders (id),
    good_id  integer not null,
    quantity integer not null
);
