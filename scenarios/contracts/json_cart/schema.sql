create table items (
    id        integer primary key,
    price     numeric not null,
    available integer not null
);

create table sales (
    id     bigint generated always as identity primary key,
    buyer  text        not null,
    placed timestamptz not null default now()
);

create table sale_items (
    sale_id bigint  not null references sales (id),
    item_id integer not null,
    units   integer not null,
    price   numeric not null,
    primary key (sale_id, item_id)
);
