-- design: Reservations with expiry: a hold takes the goods for five seconds, a second call confirms it; whoever holds next
--   gives back first what has expired, under the lock of the room.
-- isolation: read committed
-- contract: holds_that_expire.toml

create table rooms (
    id    integer primary key,
    price numeric not null,
    free  integer not null check (free >= 0)
);

create table holds (
    id         bigint generated always as identity primary key,
    key        text        not null unique,
    guest      uuid        not null,
    room_id    integer     not null references rooms (id),
    rooms      integer     not null check (rooms > 0),
    status     text        not null default 'held' check (status in ('held', 'confirmed', 'expired', 'gone')),
    expires_at timestamptz not null
);

create function hold(wanted_key text, new_guest uuid, room integer, wanted integer)
returns table (held boolean, hold_id bigint)
language plpgsql as $$
declare
    mine    holds;
    is_new  boolean;
    expiry  timestamptz := clock_timestamp() + interval '5 s';
begin
    perform 1 from rooms where id = room for update;  -- one order of locks for everybody: the room, then its holds
    insert into holds (key, guest, room_id, rooms, expires_at) values (wanted_key, new_guest, room, wanted, expiry)
    on conflict (key) do nothing returning * into mine;
    is_new := found;
    if not is_new then
        select * into mine from holds where key = wanted_key for update;
        if mine.status = 'gone' then
            return query select false, mine.id;
            return;
        end if;
        update holds set expires_at = expiry where id = mine.id and status = 'held';
    end if;
    with expired as (
        update holds set status = 'expired'
        where room_id = room and status = 'held' and expires_at < clock_timestamp() and id <> mine.id
        returning rooms
    )
    update rooms set free = free + (select coalesce(sum(expired.rooms), 0) from expired) where id = room;
    if is_new or mine.status = 'expired' then
        update rooms set free = free - mine.rooms where id = room and free >= mine.rooms;
        if not found then
            raise exception 'no room' using errcode = 'P0002';
        end if;
        update holds set status = 'held', expires_at = expiry where id = mine.id and status <> 'held';
    end if;
    return query select true, mine.id;
end;
$$;

-- An expired hold that nobody has given back yet can still be confirmed.
create function confirm(wanted_hold bigint) returns boolean language sql as $$
    update holds set status = 'confirmed' where id = wanted_hold and status in ('held', 'confirmed') returning true
$$;

create function let_go(wanted_hold bigint) returns boolean language plpgsql as $$
declare
    ended holds;
begin
    perform 1 from rooms where id = (select room_id from holds where id = wanted_hold) for update;
    update holds set status = 'gone' where id = wanted_hold and status in ('held', 'confirmed') returning * into ended;
    if not found then
        return false;
    end if;
    update rooms set free = free + ended.rooms where id = ended.room_id;
    return true;
end;
$$;
