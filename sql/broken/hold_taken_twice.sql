-- mistake: A second try under the same key gets the same hold, but takes its rooms again.
-- seen in: ON CONFLICT DO UPDATE behind an UPDATE that has happened by then
-- convicted by: duplicate_order conservation
-- scenarios: stateful every_message
-- contract: ../../scenarios/contracts/hold_then_confirm/contract.toml
-- schema: ../../scenarios/contracts/hold_then_confirm/schema.sql

create function hold(key text, guest uuid, room integer, wanted integer) returns table (held boolean, hold_id bigint)
language plpgsql as $$
begin
    update rooms set free = free - wanted where id = room and free >= wanted;
    if not found then
        raise exception 'no room' using errcode = 'P0002';
    end if;
    insert into holds (key, guest, room_id, rooms) values (hold.key, hold.guest, room, wanted)
    on conflict on constraint holds_key_key do update set guest = excluded.guest returning id into hold_id;
    return query select true, hold.hold_id;
end;
$$;

create function confirm(wanted_hold bigint) returns boolean language sql as $$
    update holds set confirmed = true where id = wanted_hold and not gone returning true
$$;

create function let_go(wanted_hold bigint) returns boolean language plpgsql as $$
declare
    held holds;
begin
    update holds set gone = true where id = wanted_hold and not gone returning * into held;
    if not found then
        return false;
    end if;
    update rooms set free = free + held.rooms where id = held.room_id;
    return true;
end;
$$;
