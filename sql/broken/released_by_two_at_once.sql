-- mistake: Looks at the status of a reservation, and ends it in a later statement: two who end it at once both give
--   its units back.
-- seen in: a customer who cancels at the moment at which the expiry job comes by
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
    select * into held from reservations where id = reservation;
    if held.status <> 'held' then
        return false;
    end if;
    update reservations set status = new_status where id = reservation;
    update tickets set reserved = greatest(0, reserved - held.quantity) where id = held.ticket_id;
    return true;
end;
$$;
