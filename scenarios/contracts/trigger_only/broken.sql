-- Reads the stock, thinks, and writes back what is left by its own reckoning: whoever sold in between is undone.
create function "Webshop"."takeStock"() returns trigger language plpgsql as $$
declare
    "left" integer;
begin
    select "inStock" - new."quantity", "priceCents" into "left", new."priceCents"
    from "Webshop"."Product" where "id" = new."productId";
    if "left" < 0 then
        raise exception 'Product % has not enough in stock', new."productId" using errcode = 'WS001';
    end if;
    update "Webshop"."Product" set "inStock" = "left" where "id" = new."productId";
    return new;
end;
$$;

create trigger "takeStock" before insert on "Webshop"."OrderItem" for each row execute function "Webshop"."takeStock"();
