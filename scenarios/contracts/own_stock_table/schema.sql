-- Stock has a table of its own.
create table books (
    isbn  text    primary key,
    price numeric not null
);

create table inventory (
    isbn    text    primary key references books (isbn),
    on_hand integer not null
);

create table purchases (
    id       uuid primary key default gen_random_uuid(),
    reader   uuid    not null,
    isbn     text    not null references books (isbn),
    copies   integer not null
);
