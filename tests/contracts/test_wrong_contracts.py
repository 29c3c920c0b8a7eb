"""Wrong contracts, each answered with place and cure: the messages, word for word, are in tests/golden/wrong_contracts.

Written anew by DOORBUSTER_WRITE_GOLDEN=1; read the difference.
"""

import asyncio
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.errors import UsageError
from doorbuster.engine.first_order import place_first_order
from doorbuster.engine.house import House, Known, deploy
from doorbuster.engine.loading import load_job
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files

GOLDEN = Path(__file__).parent.parent / "golden" / "wrong_contracts"
SHOP, SQL = (GOLDEN / name for name in ("shop.toml", "shop.sql"))
WRONG = tomllib.loads((GOLDEN / "wrong.toml").read_text())["wrong"]
TEMPLATE = "wrong_contracts"


@pytest.fixture(scope="module")
def template(house: House) -> Iterator[str]:
    databases = Databases(house.server)

    async def deploy(dsn: str) -> None:
        await deploy_files(dsn, [SQL])

    asyncio.run(databases.create_template(TEMPLATE, deploy))
    yield TEMPLATE
    asyncio.run(databases.drop(TEMPLATE))


def answered(case: dict[str, Any], folder: Path, house: House, template: str) -> str:
    """What the harness says to a contract with one mistake in it."""
    text = SHOP.read_text()
    assert case["was"] in text, "the mistake cannot be made"
    (folder / "shop.sql").write_text(SQL.read_text())
    (folder / "shop.toml").write_text(text.replace(case["was"], case["is"], 1))
    try:
        contract = load_job(folder / "shop.toml", ["last_item"]).contract.contract
        asyncio.run(place_first_order(house.server, template, contract, 7))
    except (ConfigError, UsageError) as problem:
        return str(problem).replace(f"{folder}/", "")
    return ""


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["name"])
def test_a_wrong_contract_is_answered_with_place_and_cure(
    case: dict[str, Any], tmp_path: Path, house: House, template: str
) -> None:
    golden = GOLDEN / f"{case['name'].replace(' ', '_')}.txt"
    told = answered(case, tmp_path, house, template)
    assert told, "nobody noticed"
    if os.environ.get("DOORBUSTER_WRITE_GOLDEN"):
        golden.write_text(told + "\n")
    assert told + "\n" == golden.read_text()


def test_there_are_more_than_twenty_and_no_golden_message_without_a_contract() -> None:
    assert len(WRONG) > 20
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {case["name"].replace(" ", "_") for case in WRONG}


def test_of_an_overloaded_function_it_is_told_which_one_is_called(house: House, tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text(SQL.read_text())
    text = SHOP.read_text().replace("buy(", "pay(").replace(":quantity::int)\"\n", ":quantity::int, 'now'::text)\"\n")
    (tmp_path / "shop.toml").write_text(text)
    known = Known()
    asyncio.run(deploy(house.server, "overloaded", load_contract(tmp_path / "shop.toml"), known))
    asyncio.run(Databases(house.server).drop("overloaded"))
    assert known.notices == ["place calls pay(integer,integer,text); there is also pay(integer,integer,boolean)"]
