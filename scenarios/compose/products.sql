-- Something to buy in the playground of docker-compose.yml.
insert into products (id, name, price, stock_quantity)
select n, 'Product ' || n, 9.50 + n, case when n = 1 then 1 else 100 end from generate_series(1, 9) n;
