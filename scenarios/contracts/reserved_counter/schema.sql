-- What is there is never written down: it is total - reserved - sold.
create table tickets (
    id       integer primary key,
    price    numeric not null,
    total    integer not null,
    reserved integer not null default 0,
    sold     integer not null default 0,
    check (reserved >= 0 and sold >= 0)
);

create table reservations (
    id        bigint generated always as identity primary key,
    customer  uuid    not null,
    ticket_id integer not null references tickets (id),
    quantity  integer not null check (quantity > 0),
    status    text    not null default 'held' check (status in ('held', 'sold', 'cancelled', 'released'))
);
