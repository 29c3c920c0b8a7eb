create table products (
    id    smallint primary key,
    price numeric  not null,
    stock integer  not null
);

create table orders (
    id         bigint generated always as identity primary key,
    key        uuid     not null unique,
    product_id smallint not null references products (id),
    quantity   integer  not null check (quantity > 0)
);
