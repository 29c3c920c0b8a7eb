-- Looks whether enough is on hand, and takes it without looking again.
create function buy(reader uuid, isbn text, copies integer) returns boolean language plpgsql as $$
begin
    if copies > 0 is not true then
        raise exception 'How many copies?' using errcode = '22023';
    end if;
    if not exists (select from inventory i where i.isbn = buy.isbn and i.on_hand >= buy.copies) then
        return false;
    end if;
    update inventory i set on_hand = i.on_hand - buy.copies where i.isbn = buy.isbn;
    insert into purchases (reader, isbn, copies) values (buy.reader, buy.isbn, buy.copies);
    return true;
end;
$$;
