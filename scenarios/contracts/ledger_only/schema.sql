-- A warehouse that only ever adds lines to its ledger: stock is their sum.
create schema warehouse;

create table warehouse.products (
    sku   varchar(40) primary key,
    price numeric     not null
);

create table warehouse.orders (
    id       bigint generated always as identity primary key,
    key      text not null unique,
    customer uuid not null
);

create table warehouse.order_lines (
    order_id bigint      not null references warehouse.orders (id),
    sku      varchar(40) not null,
    quantity integer     not null,
    primary key (order_id, sku)
);

create table warehouse.ledger (
    id       bigint generated always as identity primary key,
    sku      varchar(40) not null references warehouse.products (sku),
    change   integer     not null,
    order_id bigint references warehouse.orders (id)
);
create index on warehouse.ledger (sku);
