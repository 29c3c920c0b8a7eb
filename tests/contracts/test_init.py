"""What 'doorbuster init' proposes for a schema that nobody described runs unchanged, and without a false alarm."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from doorbuster.commands.init import command
from doorbuster.engine.errors import UsageError
from doorbuster.engine.house import House
from doorbuster.engine.initial import Wish, init_on, schema_files
from doorbuster.host.resources import resource
from doorbuster.model.contract import Contract
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files

from tests.contracts.conftest import Judge, example, violated
from tests.docs.pages import blocks

OWN = ("sql/schema.sql", "sql/create_order_with_inventory.sql")
SHAPES = ("scalar_item", "json_cart", "composite_cart", "procedure", "trigger_only", "silent_void",
          "row_level_security")  # fmt: skip
SMALL = {"examples": 2, "steps": 4, "crowds": 12, "buyers": [2, 3]}


def files_of(shape: str) -> list[Path]:
    if shape == "own":
        return [resource(name) for name in OWN]
    return [example(shape).parent / f"{name}.sql" for name in ("schema", "correct")]


def proposed(house: House, shape: str, folder: Path, *, on_supabase: bool = False) -> tuple[Path, Contract]:
    wish = Wish(schema=(), out=folder / f"{shape}.toml", name=shape)
    loaded = init_on(house.server, wish, files_of(shape), lambda _: None, on_supabase=on_supabase)
    return loaded.path, loaded.contract


@pytest.mark.parametrize("shape", ["own", *SHAPES])
def test_a_proposed_contract_runs_unchanged(house: House, judged: Judge, shape: str, tmp_path: Path) -> None:
    path, contract = proposed(house, shape, tmp_path, on_supabase=shape == "row_level_security")
    assert contract.answers.sold_out
    result = judged(path, "stateful", stateful=SMALL)
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS


def test_the_proposal_for_the_shop_itself_says_what_its_own_contract_says(house: House, tmp_path: Path) -> None:
    _, contract = proposed(house, "own", tmp_path)
    assert contract.orders
    assert contract.movements
    assert (contract.stock[0].table, contract.stock[0].quantity) == ("products", "stock_quantity")
    assert (contract.orders.order_key, contract.orders.total) == ("idempotency_key", "total_amount")
    assert (contract.lines.order, contract.lines.product, contract.lines.price) == (
        "order_id", "product_id", "price_at_time",
    )  # fmt: skip
    assert (contract.movements.order, contract.movements.product) == ("order_id", "product_id")
    assert contract.buyer.retry == ("aborted", "unknown")
    assert "#   order_items_data jsonb[]: taken for :lines" in (tmp_path / "own.toml").read_text()


def test_a_database_is_read_by_a_dump_of_its_schema(house: House, tmp_path: Path) -> None:
    databases = Databases(house.server)

    async def make() -> None:
        async def deploy(dsn: str) -> None:
            await deploy_files(dsn, files_of("scalar_item"))

        await databases.create_template("somebodys_shop", deploy)

    asyncio.run(make())
    try:
        wish = Wish(schema=(house.server.dsn("somebodys_shop"),), out=tmp_path / "shop.toml", name="shop")
        files = schema_files(wish, lambda _: None)
        assert files == [tmp_path / "shop.schema.sql"]
        loaded = init_on(house.server, wish, files, lambda _: None, on_supabase=False)
        assert loaded.contract.stock[0].table == "products"
    finally:
        asyncio.run(databases.drop("somebodys_shop"))


def test_where_nothing_sells_it_says_what_was_tried(house: House, tmp_path: Path) -> None:
    file = tmp_path / "s.sql"
    file.write_text(
        "create table products (id int primary key, stock int not null);"
        "create function order_it(product int, quantity int) returns void language sql as "
        "'update products set stock = stock - quantity where id = product';"
    )
    wish = Wish(schema=(), out=tmp_path / "c.toml", name="c")
    with pytest.raises(UsageError) as caught:
        init_on(house.server, wish, [file], lambda _: None, on_supabase=False)
    assert "order_it(integer,integer): no stock fell, or no line was written" in str(caught.value)
    assert "--function" in str(caught.value)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "contract.toml").write_text("mine")
    told = CliRunner().invoke(command, ["--schema", "x.sql", "-o", str(tmp_path / "contract.toml")])
    assert told.exit_code == 2
    assert "--force" in told.output
    assert (tmp_path / "contract.toml").read_text() == "mine"


def test_the_migrations_of_a_supabase_project_are_enough(house: House, tmp_path: Path) -> None:
    files = []
    for block in blocks("supabase.md"):
        if block.language == "sql" and block.name:
            files.append(tmp_path / Path(block.name).name)
            files[-1].write_text(block.text)
    wish = Wish(schema=(), out=tmp_path / "contract.toml", name="shop")
    contract = init_on(house.server, wish, sorted(files), lambda _: None, on_supabase=True).contract
    assert contract.session["role"] == "authenticated"
    assert contract.shelves.customer == ("insert into auth.users (id) values (:customer::uuid)",)
    assert contract.buyer.retry == ("aborted", "unknown")
