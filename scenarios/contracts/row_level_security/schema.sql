-- A Supabase shop: row-level security on, and a product that is not published yet is nobody's business.
create extension if not exists "uuid-ossp";

create table public.products (
    id        integer primary key,
    price     numeric not null,
    stock     integer not null check (stock >= 0),
    published boolean not null default false
);

create table public.orders (
    id         uuid primary key default uuid_generate_v4(),
    guest      uuid    not null,
    product_id integer not null references public.products (id),
    quantity   integer not null check (quantity > 0)
);

alter table public.products enable row level security;
alter table public.orders enable row level security;
create policy "everybody sees what is published" on public.products for select using (published);
create policy "staff may do anything" on public.products to service_role using (true) with check (true);
create policy "guests may order" on public.orders for insert to anon, authenticated with check (true);
create policy "and see orders" on public.orders for select using (true);
alter publication supabase_realtime add table public.orders;
