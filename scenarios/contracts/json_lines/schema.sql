-- An order's lines are a document in its own row.
create table products (
    id    integer primary key,
    price numeric not null,
    stock integer not null
);

create table orders (
    id       bigint generated always as identity primary key,
    customer uuid  not null,
    items    jsonb not null,
    status   text  not null default 'paid'
);
