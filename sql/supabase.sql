-- What a Supabase project has before its first migration, as far as a checkout needs it: roles, the schemas auth, extensions
-- and storage, their functions, default rights, the publication. Deployed first where a contract says supabase = true.
-- Roles belong to the whole server; one that is there already stays as it is.

do $$
declare
    wanted text;
begin
    foreach wanted in array array[
        'anon nologin noinherit', 'authenticated nologin noinherit', 'service_role nologin noinherit bypassrls',
        'authenticator login noinherit', 'supabase_admin nologin superuser', 'supabase_auth_admin nologin noinherit',
        'supabase_storage_admin nologin noinherit', 'supabase_read_only_user nologin', 'dashboard_user nologin',
        'postgres nologin'
    ] loop
        if not exists (select from pg_roles where rolname = split_part(wanted, ' ', 1)) then
            begin
                execute 'create role ' || wanted;
            exception
                when duplicate_object or unique_violation then null;  -- another run on this server was quicker
            end;
        end if;
    end loop;
end;
$$;
grant anon, authenticated, service_role to authenticator;

create schema if not exists extensions;
create schema if not exists auth;
create schema if not exists storage;
create schema if not exists graphql_public;
create schema if not exists realtime;
grant usage on schema public, extensions, auth, storage, graphql_public, realtime to anon, authenticated, service_role;

-- For all sessions that begin from here on: those of the shop's own files, too.
do $$
begin
    execute format('alter database %I set search_path = "$user", public, extensions', current_database());
end;
$$;
set search_path = public, extensions;

create extension if not exists "uuid-ossp" with schema extensions;
create extension if not exists pgcrypto with schema extensions;
grant execute on all functions in schema extensions to anon, authenticated, service_role;

-- Who asks: from the claims that PostgREST sets, in either of its two forms.
create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim', true), ''),
                    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function auth.role() returns text language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
$$;
create function auth.email() returns text language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.email', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
$$;

create table auth.users (
    instance_id         uuid,
    id                  uuid primary key default gen_random_uuid(),
    aud                 varchar(255),
    role                varchar(255),
    email               varchar(255),
    encrypted_password  varchar(255),
    email_confirmed_at  timestamptz,
    invited_at          timestamptz,
    confirmation_token  varchar(255),
    recovery_token      varchar(255),
    last_sign_in_at     timestamptz,
    raw_app_meta_data   jsonb,
    raw_user_meta_data  jsonb,
    is_super_admin      boolean,
    created_at          timestamptz default now(),
    updated_at          timestamptz default now(),
    phone               text unique,
    phone_confirmed_at  timestamptz,
    confirmed_at        timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
    banned_until        timestamptz,
    is_sso_user         boolean not null default false,
    deleted_at          timestamptz,
    is_anonymous        boolean not null default false
);
create unique index users_email_partial_key on auth.users (email) where not is_sso_user;
grant select on auth.users to service_role;

create table storage.buckets (
    id                 text primary key,
    name               text not null unique,
    owner              uuid,
    public             boolean default false,
    file_size_limit    bigint,
    allowed_mime_types text[],
    created_at         timestamptz default now(),
    updated_at         timestamptz default now()
);
create table storage.objects (
    id               uuid primary key default gen_random_uuid(),
    bucket_id        text references storage.buckets (id),
    name             text,
    owner            uuid,
    metadata         jsonb,
    created_at       timestamptz default now(),
    updated_at       timestamptz default now(),
    last_accessed_at timestamptz default now()
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
create function storage.foldername(name text) returns text[] language sql immutable as
    $$select (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1]$$;
create function storage.filename(name text) returns text language sql immutable as
    $$select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))]$$;
create function storage.extension(name text) returns text language sql immutable as
    $$select reverse(split_part(reverse(storage.filename(name)), '.', 1))$$;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;

-- What a migration makes in public, the API's roles may use; row-level security is what keeps them apart.
grant all on all tables in schema public to anon, authenticated, service_role;
grant all on all routines in schema public to anon, authenticated, service_role;
grant all on all sequences in schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on routines to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;

create publication supabase_realtime;
