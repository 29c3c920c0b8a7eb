"""The project's own contracts and scenarios load, and mistakes are all named at once."""

import re
from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.scenario import load_scenario
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks

CHECKS = standard_checks()
FAULTS = ALL_FAULTS

CONTRACT = """
name = "shop"
[schema]
files = ["shop.sql"]
[place]
sql = "select place(:order_key, :product::int)"
[answers]
ok = [{}]
[[stock]]
table = "products"
product = "id"
quantity = "stock"
[lines]
table = "lines"
order = "order_id"
product = "product_id"
quantity = "quantity"
"""


@pytest.mark.parametrize("path", sorted(resource("scenarios/contracts").glob("*.toml")), ids=lambda p: p.stem)
def test_a_contract_of_the_project_loads(path: Path) -> None:
    assert load_contract(path).contract.name == path.stem


@pytest.mark.parametrize("path", sorted(resource("scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_a_scenario_of_the_project_loads(path: Path) -> None:
    assert load_scenario(path, CHECKS, FAULTS).scenario.name == path.stem


def mistakes_in(folder: Path, text: str) -> list[str]:
    (folder / "shop.sql").write_text("select 1;")
    (folder / "contract.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_contract(folder / "contract.toml")
    return [str(m) for m in caught.value.mistakes]


def test_a_good_contract_has_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text("select 1;")
    (tmp_path / "contract.toml").write_text(CONTRACT)
    loaded = load_contract(tmp_path / "contract.toml")
    assert loaded.contract.schema.files == (str(tmp_path / "shop.sql"),)
    assert loaded.contract.tables == ("products", "lines")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[place]", "[place]\nprepair = []", r"place\.prepair: unknown key\n    Did you mean 'prepare'"),
        ('product = "id"', "", r"stock\.0\.product: is required"),
        ('"shop.sql"', '"shop.sq"', r"schema\.files: nothing matches 'shop.sq'"),
        (":order_key", ":orderkey", r"place\.sql: unknown parameter :orderkey in line 1"),
        ("ok = [{}]", 'ok = [{ result = "x" }]', r"answers\.ok\.0: 'x' is no path"),
        ('sql = "select place(:order_key, :product::int)"', "", r"place: needs one of 'sql'"),
        ("name", "name == ", r"is not valid TOML: .*line 2"),
    ],
)
def test_a_mistake_names_its_place_and_cure(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert re.search(message, "\n".join(mistakes_in(tmp_path, CONTRACT.replace(old, new, 1))))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    broken = CONTRACT.replace("shop.sql", "no.sql").replace(":order_key", ":nope").replace("{}", '{ message = "(" }')
    assert len(mistakes_in(tmp_path, broken)) == 3


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "contract.toml").write_text(CONTRACT)
    with pytest.raises(ConfigError, match=r"Did you mean .*contract\.toml"):
        load_contract(tmp_path / "contrat.toml")


def test_a_scenario_with_unknown_names_lists_the_known_ones(tmp_path: Path) -> None:
    text = resource("scenarios/last_item.toml").read_text().replace('"oversold"', '"oversoled"')
    text = text.replace('kind = "load"', 'kind = "load"\nthresholds = ["p99 < 5ms in lunch"]')
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_scenario(tmp_path / "s.toml", CHECKS, FAULTS)
    assert len(caught.value.mistakes) == 2
    assert "unknown check 'oversoled'; known: bad_order_accepted, " in str(caught.value)
    assert "unknown phase 'lunch'; known: burst" in str(caught.value)
