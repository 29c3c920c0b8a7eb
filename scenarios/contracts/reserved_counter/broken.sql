-- Looks at the reservation's status, and only then takes the lock: two who end it at once both give its units back.
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
    update tickets set reserved = greatest(reserved - held.quantity, 0) where id = held.ticket_id;
    update reservations set status = new_status where id = reservation;
    return true;
end;
$$;
