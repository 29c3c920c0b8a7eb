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

-- Both ways to end a reservation go through its row first: whoever comes second finds it ended.
create function end_reservation(reservation bigint, new_status text) returns boolean language plpgsql as $$
declare
    held reservations;
begin
    update reservations set status = new_status where id = reservation and status = 'held' returning * into held;
    if not found then
        return false;
    end if;
    update tickets set reserved = reserved - held.quantity where id = held.ticket_id;
    return true;
end;
$$;
