create table rooms (
    id    integer primary key,
    price numeric not null,
    free  integer not null check (free >= 0)
);

create table holds (
    id        bigint generated always as identity primary key,
    key       text    not null unique,
    guest     uuid    not null,
    room_id   integer not null references rooms (id),
    rooms     integer not null check (rooms > 0),
    confirmed boolean not null default false,
    gone      boolean not null default false
);
