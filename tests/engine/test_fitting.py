"""Nobody is asked for what a contract cannot say."""

from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.scenario import load_scenario
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.engine.fitting import fitted
from doorbuster.engine.loading import standing_scenarios
from doorbuster.engine.plenty import PLENTY, plenty
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.model.scenario import Scenario


def standing(name: str) -> Scenario:
    return load_scenario(standing_scenarios()[name], standard_checks(), ALL_FAULTS).scenario


def contract(name: str) -> Path:
    return resource(f"scenarios/contracts/{name}.toml")


@pytest.mark.parametrize("name", standing_scenarios())
def test_a_shop_of_many_lines_gets_the_scenario_as_it_is(name: str) -> None:
    scenario = standing(name)
    assert fitted(scenario, load_contract(contract("create_order_with_inventory")).contract) == scenario


@pytest.mark.parametrize("name", ["typical_order", "every_message", "every_statement"])
def test_a_shop_of_one_product_an_order_gets_carts_of_one_line(name: str) -> None:
    found = fitted(standing(name), load_contract(contract("scalar_item/contract")).contract)
    most = found.workload.lines[1] if found.workload else None
    assert {most, found.cut and found.cut.lines, found.crash and found.crash.lines} == {None, 1}


def test_where_a_unit_is_a_row_there_are_no_more_than_can_be_wanted() -> None:
    shop = load_contract(contract("unit_rows/contract")).contract
    found = fitted(standing("drill"), shop).workload
    assert found
    assert 2_100 < found.stock < 3_000  # 35 s at 60 a second, each of one unit, and some
    few = fitted(standing("last_item"), shop).workload
    assert few
    assert few.stock == 1


def test_of_rows_no_millions_are_made() -> None:
    assert plenty(load_contract(contract("unit_rows/contract")).contract, 500) == 500
    assert plenty(load_contract(contract("scalar_item/contract")).contract, 500) == PLENTY
