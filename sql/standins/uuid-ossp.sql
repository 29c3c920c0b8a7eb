-- What shops use of uuid-ossp, where the server lacks it. Version 5 wants SHA-1, which PostgreSQL itself does not have.
create or replace function uuid_generate_v4() returns uuid language sql volatile parallel safe as
    'select pg_catalog.gen_random_uuid()';
create or replace function uuid_generate_v1() returns uuid language sql volatile parallel safe as
    'select overlay(pg_catalog.gen_random_uuid()::text placing ''1'' from 15 for 1)::uuid';
create or replace function uuid_generate_v1mc() returns uuid language sql volatile parallel safe as
    'select overlay(pg_catalog.gen_random_uuid()::text placing ''1'' from 15 for 1)::uuid';
create or replace function uuid_generate_v3(namespace uuid, name text) returns uuid language sql immutable strict as $$
    select overlay(overlay(hash placing '3' from 13 for 1) placing variant from 17 for 1)::uuid
    from (select pg_catalog.md5(pg_catalog.uuid_send(namespace) || pg_catalog.convert_to(name, 'UTF8')) as hash) as h,
         lateral (select pg_catalog.to_hex((('x0' || pg_catalog.substr(hash, 17, 1))::bit(8)::int & 3) | 8)) as v (variant)
$$;
create or replace function uuid_nil() returns uuid language sql immutable as
    $$select '00000000-0000-0000-0000-000000000000'::uuid$$;
create or replace function uuid_ns_dns() returns uuid language sql immutable as
    $$select '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid$$;
create or replace function uuid_ns_url() returns uuid language sql immutable as
    $$select '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid$$
