import asyncpg
import pytest
from doorbuster.postgres.connect import connect
from doorbuster.postgres.databases import Databases, quote_identifier
from doorbuster.postgres.embedded import EmbeddedServer


async def make_table(dsn: str) -> str:
    connection = await connect(dsn)
    await connection.execute("create table t as select 1 as n")
    await connection.close()
    return "made"


async def test_a_clone_has_what_was_deployed_into_its_template(server: EmbeddedServer) -> None:
    databases = Databases(server)
    assert await databases.create_template("shop", make_table) == "made"
    async with databases.cloned("shop", 'odd "name"') as dsn:
        connection = await connect(dsn)
        assert await connection.fetchval("select n from t") == 1
        # Still connected: dropping must not wait for it.
    assert connection.is_closed() or connection
    await databases.drop("shop")
    await databases.drop("shop")


async def test_a_template_whose_deployment_fails_is_dropped(server: EmbeddedServer) -> None:
    async def fail(_: str) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await Databases(server).create_template("failed", fail)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await connect(server.dsn("failed"))


@pytest.mark.parametrize("name", ["", "é" * 32, "a\0b"])
def test_names_that_the_server_would_change_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a usable name"):
        quote_identifier(name)
