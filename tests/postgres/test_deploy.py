from pathlib import Path

import pytest
from doorbuster.host.resources import resource
from doorbuster.postgres.connect import connect
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import DeployError, DeployMistake, deploy_files
from doorbuster.postgres.embedded import EmbeddedServer


class Files:
    """Writes SQL files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *texts: str) -> list[Path]:
        paths = [self.folder / f"{number}.sql" for number in range(1, len(texts) + 1)]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return paths


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def mistakes(dsn: str, paths: list[Path]) -> list[DeployMistake]:
    with pytest.raises(DeployError) as caught:
        await deploy_files(dsn, paths)
    return list(caught.value.mistakes)


async def value(dsn: str, query: str) -> object:
    connection = await connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_shop_deploys(dsn: str) -> None:
    done = await deploy_files(dsn, [resource("sql/schema.sql"), resource("sql/create_order_with_inventory.sql")])
    assert done.statements > 4
    assert await value(dsn, "select count(*) from pg_proc where proname = 'create_order_with_inventory'") == 1


async def test_each_file_has_a_fresh_session(dsn: str, files: Files) -> None:
    await deploy_files(dsn, files("set search_path = ''; create table public.t (n int)", "insert into t values (1)"))
    assert await value(dsn, "select n from t") == 1


async def test_statements_that_refuse_a_transaction_work_as_well_as_transactions(dsn: str, files: Files) -> None:
    text = "begin; create table t (n int); commit; create index concurrently i on t (n); vacuum t;"
    assert (await deploy_files(dsn, files(text))).statements == 5


async def test_a_dump_with_data_deploys(dsn: str, files: Files) -> None:
    text = "\\restrict x\ncreate table t (a int, b text);\nCOPY public.t (a, b) FROM stdin;\n1\té\n2\t\\N\n\\.\n"
    await deploy_files(dsn, files(text))
    assert await value(dsn, "select string_agg(coalesce(b, 'null'), ',' order by a) from t") == "é,null"


async def test_a_refused_statement_has_its_place_code_and_hint(dsn: str, files: Files) -> None:
    paths = files("create table t (n int);\n\n-- why\nselect\n  m from t;\ncreate table never ();")
    (mistake,) = await mistakes(dsn, paths)
    assert (mistake.file, mistake.line, mistake.statement) == (paths[0], 5, "select")
    assert (mistake.sqlstate, mistake.message) == ("42703", 'column "m" does not exist')
    assert str(mistake).startswith(f'{paths[0]}:5: column "m" does not exist (42703)')


async def test_an_error_inside_a_function_body_has_its_own_line(dsn: str, files: Files) -> None:
    text = "\ncreate function f() returns int language plpgsql as $$\nbegin\n  retrun 1;\nend $$;"
    (mistake,) = await mistakes(dsn, files(text))
    assert (mistake.line, mistake.sqlstate) == (4, "42601")


async def test_every_unparsable_file_is_named_before_anything_runs(dsn: str, files: Files) -> None:
    paths = files("create table t ()", "selec 1", "select 1;\n(")
    found = await mistakes(dsn, [*paths, Path("missing.sql")])
    assert [(m.file.name, m.line) for m in found] == [("2.sql", 1), ("3.sql", 2), ("missing.sql", 1)]
    assert await value(dsn, "select count(*) from pg_class where relname = 't'") == 0


async def test_a_file_that_ends_inside_a_transaction_is_a_mistake(dsn: str, files: Files) -> None:
    (mistake,) = await mistakes(dsn, files("begin;\ncreate table t ();"))
    assert "inside a transaction" in mistake.message


async def test_notices_are_kept_with_their_place(dsn: str, files: Files) -> None:
    paths = files("select 1;\ndrop table if exists nothing;\ndo $$ begin raise warning 'careful'; end $$")
    found = (await deploy_files(dsn, paths)).notices
    assert [(n.line, n.severity) for n in found] == [(2, "NOTICE"), (3, "WARNING")]
    assert found[1].message == "careful"


async def test_a_copy_with_options_deploys(dsn: str, files: Files) -> None:
    copy = "copy t from stdin with (format csv, header true, delimiter ';');\na;b\n1;x\n\\.\n"
    await deploy_files(dsn, files("create table t (a int, b text);\n" + copy))
    assert await value(dsn, "select b from t where a = 1") == "x"


async def test_a_copy_without_data_is_a_mistake(dsn: str, files: Files) -> None:
    (mistake,) = await mistakes(dsn, files("create table t (n int);\ncopy t from stdin"))
    assert (mistake.line, mistake.statement) == (2, "copy t from stdin")


async def test_a_lost_connection_is_reported_at_its_statement(dsn: str, files: Files) -> None:
    (mistake,) = await mistakes(dsn, files("select 1;\nselect pg_terminate_backend(pg_backend_pid());"))
    assert mistake.line == 2
    assert mistake.sqlstate in ("57P01", "08003")  # whether the server's last words are read is a race


async def test_a_kept_role_or_setting_of_one_file_does_not_reach_the_next(dsn: str, files: Files) -> None:
    first = "create role nobody_in_particular_;\nset role nobody_in_particular_;"
    await deploy_files(dsn, files(first, "create schema s; drop role nobody_in_particular_;"))


async def test_rights_of_a_role_that_there_is_not_are_passed_over_and_told(dsn: str, files: Files) -> None:
    text = """create table t (n int);
alter table t owner to nobody_here;
alter table t enable row level security;
grant select on t to nobody_here, pg_monitor;
create function f() returns int language sql as 'select 1';
alter function f() owner to nobody_here;
"""
    done = await deploy_files(dsn, files(text))
    (notice,) = done.notices
    assert (notice.line, notice.severity) == (2, "WARNING")
    assert notice.message == 'no role "nobody_here" here: ownership and rights of it are passed over (3 statements)'
    assert await value(dsn, "select has_table_privilege('pg_monitor', 't', 'select')") is True


async def test_extensions_that_shops_ask_for_have_a_stand_in(dsn: str, files: Files) -> None:
    text = """create extension if not exists "uuid-ossp";
create extension if not exists pgcrypto;
comment on extension pgcrypto is 'as a dump has it';
create extension if not exists pg_cron with schema pg_catalog;
create table t (id uuid default uuid_generate_v4(), secret text);
insert into t (secret) values (crypt('pass', gen_salt('bf', 8)));
"""
    await deploy_files(dsn, files(text))
    assert await value(dsn, "select crypt('pass', secret) = secret and crypt('else', secret) <> secret from t") is True
    assert await value(dsn, "select encode(digest('abc', 'sha256'), 'hex')") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert await value(dsn, "select octet_length(gen_random_bytes(40))") == 40
    assert str(await value(dsn, "select uuid_generate_v3(uuid_ns_dns(), 'www.widgets.com')")) == (
        "3d813cbb-47fb-32ba-91df-831e1593ac29"
    )


async def test_an_extension_that_is_missing_is_named_with_what_needs_it(dsn: str, files: Files) -> None:
    paths = files('create extension "postgis";', "create table shops (id int,\n  place geometry(point, 4326));")
    (mistake,) = await mistakes(dsn, paths)
    assert mistake.file == paths[0]
    assert mistake.message == (
        "the extension 'postgis' is not available on this server; needed by 2.sql:2 (geometry)"
    )
    assert "--postgres docker:IMAGE" in mistake.hint


async def test_a_dump_that_lacks_something_gets_the_hint_to_add_a_stub(dsn: str, files: Files) -> None:
    (mistake,) = await mistakes(dsn, files("select 1;\ncreate table lines (\n  product int references products (id));"))
    assert mistake.line == 2
    assert mistake.message == 'relation "products" does not exist'
    assert "a stub is enough" in mistake.hint


async def test_settings_of_a_database_reach_its_clones(server: EmbeddedServer) -> None:
    databases = Databases(server)

    async def deploy(dsn: str) -> None:
        connection = await connect(dsn)
        name = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f'alter database {name} set search_path = "$user", public, pg_catalog')
        await connection.execute(f"alter database {name} set statement_timeout = '12s'")
        await connection.close()

    await databases.create_template("with_settings", deploy)
    try:
        async with databases.cloned("with_settings", "heir") as dsn:
            assert await value(dsn, "show search_path") == '"$user", public, pg_catalog'
            assert await value(dsn, "show statement_timeout") == "12s"
    finally:
        await databases.drop("with_settings")
