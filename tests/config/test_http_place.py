"""What is wrong in a contract's [place.http] is told at once, each with its key and its cure."""

from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError

GOOD = """
name = "shop"
[schema]
files = ["schema.sql"]
[place.http]
url = "/orders"
body = '{"who": :customer, "items": :lines}'
[place.http.server]
command = ["serve", "--port", "{port}"]
[answers]
ok = [{ status = 200 }]
[[stock]]
table = "products"
product = "id"
quantity = "stock"
[lines]
table = "items"
order = "order_id"
product = "product_id"
quantity = "quantity"
"""


def mistakes(folder: Path, text: str) -> list[str]:
    (folder / "schema.sql").touch()
    path = folder / "contract.toml"
    path.write_text(text)
    try:
        load_contract(path)
    except ConfigError as error:
        return [str(mistake).removeprefix(f"{path}: ") for mistake in error.mistakes]
    return []


def test_a_good_one_has_none_and_its_folder_becomes_absolute(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == []
    http = load_contract(tmp_path / "contract.toml").contract.place.http
    assert http is not None
    assert http.server.folder == str(tmp_path.resolve())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('url = "/orders"', 'url = "http://shop/orders"', "place.http.url: 'http://shop/orders' is no path"),
        ('url = "/orders"', "", "place.http: needs either 'url' or [[place.http.steps]]"),
        (":customer", ":custumer", "place.http.body: unknown parameter :custumer in line 1\n    Known here: :"),
        ("}'", "'", "place.http.body: is no JSON once its parameters are filled in: "),
        ("{port}", "{prot}", "place.http.server.command: unknown placeholder {prot}\n    Known here: {host}, {port}"),
        ('["serve", "--port", "{port}"]', "[]", "place.http.server.command: is empty"),
        ('[place.http]\nurl', '[place.http]\nline = \'{"id": :sku}\'\nurl', "place.http.line: unknown parameter :sku"),
        ("[answers]", '[session]\nrole = "anon"\n[answers]', "session: the sessions of a shop behind HTTP are its own"),
        ("[place.http.server]", '[place.http.server]\nfolder = "x"', "place.http.server.folder: 'x' is no folder"),
        ("[place.http.server]", '[place.http.server]\nready = "up"', "place.http.server.ready: 'up' is no path"),
        ("[schema]", '[place]\nsql = "select 1"\n[schema]', "place: needs one of 'sql', [[place.steps]] and"),
        ("[place.http.server]\ncommand", "[place.http.servre]\ncommand", "place.http.server: is required but missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_and_cure(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(mistake.startswith(told) for mistake in found), found


def test_all_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("/orders", "orders").replace(":customer", ":custumer").replace("{port}", "{prot}")
    assert len(mistakes(tmp_path, text)) == 3


def test_a_contract_with_a_way_of_its_own_forgets_the_one_that_it_extends(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").touch()
    (tmp_path / "base.toml").write_text(GOOD)
    (tmp_path / "own.toml").write_text('name = "own"\nextends = "base.toml"\n[place]\nsql = "select 1"\n')
    place = load_contract(tmp_path / "own.toml").contract.place
    assert (place.http, place.sql) == (None, "select 1")
