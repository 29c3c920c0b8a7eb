create function "Webshop"."takeStock"() returns trigger language plpgsql as $$
begin
    update "Webshop"."Product" set "inStock" = "inStock" - new."quantity"
    where "id" = new."productId" and "inStock" >= new."quantity"
    returning "priceCents" into new."priceCents";
    if not found then
        raise exception 'Product % has not enough in stock', new."productId" using errcode = 'WS001';
    end if;
    return new;
end;
$$;

create trigger "takeStock" before insert on "Webshop"."OrderItem" for each row execute function "Webshop"."takeStock"();
