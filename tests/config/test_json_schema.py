"""The schemas that editors use accept every file that comes with the harness, and underline what loading refuses."""

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from doorbuster.config.json_schema import FILES, first_line, json_schema
from doorbuster.host.resources import resource

VALIDATOR: Any = import_module("jsonschema").Draft202012Validator  # has no types of its own

CONTRACTS = sorted(resource("scenarios/contracts").rglob("*.toml"))
SCENARIOS = sorted(resource("scenarios").glob("*.toml"))


def mistakes(kind: str, content: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATOR(json_schema(kind)).iter_errors(content)]


@pytest.mark.parametrize("kind", FILES)
def test_each_is_a_schema(kind: str) -> None:
    VALIDATOR.check_schema(json_schema(kind))
    assert first_line(kind) == f"#:schema ./doorbuster.{kind}.schema.json"


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_contract_is_valid(path: Path) -> None:
    assert mistakes("contract", tomllib.loads(path.read_text())) == []


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_is_valid(path: Path) -> None:
    assert mistakes("scenario", tomllib.loads(path.read_text())) == []


def test_an_unknown_key_and_a_missing_one_are_underlined() -> None:
    content = tomllib.loads(resource("scenarios/contracts/create_order_with_inventory.toml").read_text())
    del content["answers"]
    content["stock"][0]["quantitty"] = "1"
    told = " ".join(mistakes("contract", content))
    assert "quantitty" in told
    assert "is not valid under any of the given schemas" in told


EXTENDS = """
extends = "base.toml"
[schema]
supabase = true
[orders]
live = "status <> 'void'"
[place.http.server]
ready = "/up"
[cancel.answers]
refused = [{ status = 404 }]
"""


def test_a_contract_that_extends_another_says_of_a_table_what_is_different() -> None:
    assert mistakes("contract", tomllib.loads(EXTENDS)) == []
    assert mistakes("contract", tomllib.loads(EXTENDS.replace("ready", "raedy")))


def test_a_list_is_said_as_a_whole_also_where_another_contract_is_extended() -> None:
    assert "'product' is a required property" in mistakes(
        "contract", tomllib.loads(EXTENDS + '[[stock]]\ntable = "goods"\nquantity = "units"\n')
    )


def test_without_another_contract_all_of_a_table_is_needed() -> None:
    content = tomllib.loads(resource("scenarios/contracts/create_order_with_inventory.toml").read_text())
    del content["orders"]["id"]
    assert mistakes("contract", content)
    assert mistakes("contract", {**content, "extends": "base.toml"}) == []
