-- mistake: Refuses to cancel or to release twice, but releases what was cancelled before: the units come back
--   twice.
-- seen in: stock put back on a cancellation, and again when the hold expires
-- convicted by: conservation ghost_order
-- scenarios: small_crowds
-- contract: ../../scenarios/contracts/reserved_counter/contract.toml
-- schema: ../../scenarios/contracts/reserved_counter/schema.sql

create function reserve(customer uuid, ticket integer, quantity integer) returns bigint language plpgsql as $$
declare
    reservation bigint;
begin
    update tickets t set reserved = t.reserved + reserve.quantity
    where t.id = ticket and t.total - t.reserved - t.sold >= reserve.quantity;
    if not found then
        return 0;
    end if;
    insert into reservations (customer, ticket_id, quantity) values (reserve.customer, ticket, reserve.quantity)
    returning id into reservation;
    return reservation;
end;
$$;

create function end_reservation(reservation bigint, new_status text) returns boolean language plpgsql as $$
declare
    held reservations;
begin
    update reservations set status = new_status where id = reservation and status <> new_status returning * into held;
    if not found then
        return false;
    end if;
    update tickets set reserved = reserved - held.quantity where id = held.ticket_id;
    return true;
end;
$$;
