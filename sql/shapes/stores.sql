-- Stock in a table of its own, a row for each store and product.
alter table products drop column stock_quantity;

create table store_stock (
    store      text    not null,
    product_id integer not null references products (id),
    quantity   integer not null,
    primary key (store, product_id)
);
