-- A dish is sold, its ingredients are in stock: a recipe says how much of each a dish takes.
create table ingredients (
    name  text    primary key,
    grams integer not null
);

create table dishes (
    id    integer primary key,
    price numeric not null
);

create table recipes (
    dish_id    integer not null references dishes (id),
    ingredient text    not null references ingredients (name),
    grams      integer not null check (grams > 0),
    primary key (dish_id, ingredient)
);

create table orders (
    id       bigint generated always as identity primary key,
    customer uuid not null
);

create table order_dishes (
    order_id bigint  not null references orders (id),
    dish_id  integer not null references dishes (id),
    portions integer not null check (portions > 0),
    price    numeric not null,
    primary key (order_id, dish_id)
);
