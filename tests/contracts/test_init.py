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
from tests.contracts.test_shapes import ALONE, FIXED_SEQUENCES, RACES, one_switch_of
from tests.docs.pages import blocks

OWN = ("sql/schema.sql", "sql/create_order_with_inventory.sql")
# All examples but one, whose recipes nobody can guess.
SHAPES = ("capacity_minus_sum", "cart_table", "composite_cart", "hold_then_confirm", "json_cart", "json_lines",
          "ledger_only", "own_stock_table", "procedure", "reserved_counter", "row_level_security", "scalar_item",
          "silent_void", "trigger_only", "unit_rows", "variants")  # fmt: skip
NOT_GUESSED = "bill_of_materials"
SMALL = {"examples": 2, "steps": 4, "crowds": 12, "buyers": [2, 3]}


def files_of(shape: str) -> list[Path]:
    if shape == "own":
        return [resource(name) for name in OWN]
    return [example(shape).parent / f"{name}.sql" for name in ("schema", "correct")]


def broken(contract: Path) -> Path:
    """The same contract with the broken form of its functions."""
    text = contract.read_text()
    assert "correct.sql" in text
    path = contract.with_name(f"broken_{contract.name}")
    path.write_text(text.replace("correct.sql", "broken.sql"))
    return path


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


@pytest.mark.parametrize("shape", ["cart_table", "json_lines", "silent_void"])
def test_a_proposal_convicts_a_mistake_that_needs_nobody_else(
    house: House, judged: Judge, shape: str, tmp_path: Path
) -> None:
    result = judged(broken(proposed(house, shape, tmp_path)[0]), "stateful", stateful=FIXED_SEQUENCES)
    assert ALONE[shape] in violated(result)


@pytest.mark.parametrize("shape", ["capacity_minus_sum", "ledger_only", "unit_rows"])
def test_a_proposal_convicts_a_race(house: House, judged: Judge, shape: str, tmp_path: Path) -> None:
    crowd, check = RACES[shape]
    path = broken(proposed(house, shape, tmp_path)[0])
    assert check in violated(judged(path, "interleave", interleave=one_switch_of(crowd)))


def test_of_recipes_it_says_that_it_cannot_guess_them(house: House, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"order_dishes\(uuid,jsonb\): no column, row or sum that it writes"):
        proposed(house, NOT_GUESSED, tmp_path)


CARTS = """
create table users (id uuid primary key, email text not null unique);
create table products (id bigint generated always as identity primary key, title text not null, stock int not null);
create table carts (id bigint generated always as identity primary key, user_id uuid not null references users,
                    opened timestamptz not null default now());
create table cart_items (id bigserial primary key, cart_id bigint not null references carts,
                         product_id bigint not null references products, qty int not null check (qty > 0));
create table orders (id bigserial primary key, user_id uuid not null references users, cart_id bigint unique);
create table order_items (order_id bigint not null references orders, product_id bigint not null, qty int not null);
create function place_order(cart_id bigint) returns bigint language plpgsql as $$
declare
    placed bigint;
    line record;
begin
    insert into orders (user_id, cart_id) select c.user_id, c.id from carts c where c.id = place_order.cart_id
    returning id into placed;
    for line in select ci.product_id, sum(ci.qty)::int as qty from cart_items ci where ci.cart_id = place_order.cart_id
                group by 1 order by 1 loop
        update products set stock = stock - line.qty where id = line.product_id and stock >= line.qty;
        if not found then raise exception 'Out of stock' using errcode = 'P0002'; end if;
        insert into order_items values (placed, line.product_id, line.qty);
    end loop;
    if not exists (select from order_items where order_id = placed) then
        raise exception 'Nothing in the cart' using errcode = '22023';
    end if;
    return placed;
end $$;
"""


def test_a_cart_that_has_a_number_of_its_own_is_opened_for_its_customer(
    house: House, judged: Judge, tmp_path: Path
) -> None:
    (tmp_path / "carts.sql").write_text(CARTS)
    wish = Wish(schema=(), out=tmp_path / "contract.toml", name="carts")
    loaded = init_on(house.server, wish, [tmp_path / "carts.sql"], lambda _: None, on_supabase=False)
    assert [sql.split(" (")[0] for sql in loaded.contract.place.prepare] == [
        "insert into carts", "insert into cart_items",
    ]  # fmt: skip
    result = judged(loaded.path, "stateful", stateful=SMALL)
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
