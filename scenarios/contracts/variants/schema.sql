-- Stock hangs on variants, whose key is composite: a shirt in a size.
create table shirts (
    id    integer primary key,
    price numeric not null
);

create table variants (
    shirt_id integer not null references shirts (id),
    size     text    not null,
    stock    integer not null,
    primary key (shirt_id, size)
);

create table orders (
    id       integer generated always as identity primary key,
    customer uuid not null
);

create table order_lines (
    order_id integer not null references orders (id),
    shirt_id integer not null,
    size     text    not null,
    quantity integer not null
);
