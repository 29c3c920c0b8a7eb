-- true: bought; false: not enough on hand. Nothing says which purchase it was.
create function buy(reader uuid, isbn text, copies integer) returns boolean language plpgsql as $$
begin
    if copies > 0 is not true then
        raise exception 'How many copies?' using errcode = '22023';
    end if;
    update inventory i set on_hand = i.on_hand - buy.copies where i.isbn = buy.isbn and i.on_hand >= buy.copies;
    if not found then
        return false;
    end if;
    insert into purchases (reader, isbn, copies) values (buy.reader, buy.isbn, buy.copies);
    return true;
end;
$$;
