create table products (id int primary key, stock int);
create table lines (id serial primary key, product int, quantity int);

create function buy(wanted int, units int) returns boolean language plpgsql as $$
begin
  update products set stock = stock - units where id = wanted and stock >= units;
  if not found then return false; end if;
  insert into lines (product, quantity) values (wanted, units);
  return true;
end $$;

create function pay(wanted int, units int, note text default null) returns boolean language sql as 'select buy(wanted, units)';
create function pay(wanted int, units int, quickly boolean default true) returns boolean language sql as 'select buy(wanted, units)';
