-- Names as an ORM gives them, in a schema of their own; every one of them wants its quotes.
create schema "Webshop";

create table "Webshop"."Product" (
    "id"         bigint  primary key,
    "priceCents" integer not null,
    "inStock"    integer not null
);

create table "Webshop"."OrderItem" (
    "id"         bigint generated always as identity primary key,
    "customerId" uuid    not null,
    "productId"  bigint  not null references "Webshop"."Product" ("id"),
    "quantity"   integer not null check ("quantity" > 0),
    "priceCents" integer not null default 0
);
