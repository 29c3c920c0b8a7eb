-- What shops use of pgcrypto, where the server lacks it. The hashes are SHA-2 and MD5; a password is hashed by SHA-256,
-- so that crypt(p, crypt(p, gen_salt(…))) is what crypt gave, and nothing more: this is a test server's.
create or replace function digest(data bytea, type text) returns bytea language sql immutable strict parallel safe as $$
    select case pg_catalog.lower(type)
               when 'md5' then pg_catalog.decode(pg_catalog.md5(data), 'hex') when 'sha224' then pg_catalog.sha224(data)
               when 'sha256' then pg_catalog.sha256(data) when 'sha384' then pg_catalog.sha384(data)
               when 'sha512' then pg_catalog.sha512(data) end
$$;
create or replace function digest(data text, type text) returns bytea language sql immutable strict parallel safe as $$
    select case pg_catalog.lower(type)
               when 'md5' then pg_catalog.decode(pg_catalog.md5(data), 'hex')
               when 'sha224' then pg_catalog.sha224(pg_catalog.convert_to(data, 'UTF8'))
               when 'sha256' then pg_catalog.sha256(pg_catalog.convert_to(data, 'UTF8'))
               when 'sha384' then pg_catalog.sha384(pg_catalog.convert_to(data, 'UTF8'))
               when 'sha512' then pg_catalog.sha512(pg_catalog.convert_to(data, 'UTF8')) end
$$;
create or replace function gen_random_bytes(count integer) returns bytea language sql volatile strict as $$
    select pg_catalog.substr(
        pg_catalog.string_agg(pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid())), ''), 1, count)
    from pg_catalog.generate_series(0, count / 32)
$$;
create or replace function gen_salt(type text) returns text language sql volatile strict as
    $$select '$s$' || pg_catalog.md5(pg_catalog.gen_random_uuid()::text) || '$'$$;
create or replace function gen_salt(type text, iterations integer) returns text language sql volatile strict as
    $$select '$s$' || pg_catalog.md5(pg_catalog.gen_random_uuid()::text) || '$'$$;
create or replace function crypt(password text, salt text) returns text language sql immutable strict as $$
    select pg_catalog.substr(salt, 1, 36)
           || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.substr(salt, 1, 36) || password, 'UTF8')),
                                'hex')
$$
