"""Every worked example under scenarios/contracts: its correct form passes, its broken form is convicted."""

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.host.resources import resource
from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, required_open, violated

# What convicts the broken form; other checks may do so, too.
SHAPES = {
    "bill_of_materials": "conservation",
    "capacity_minus_sum": "oversold",
    "cart_table": "duplicate_order",
    "composite_cart": "oversold",
    "hold_then_confirm": "conservation",
    "json_cart": "ghost_order",
    "json_lines": "conservation",
    "ledger_only": "oversold",
    "own_stock_table": "oversold",
    "procedure": "partial_order",
    "reserved_counter": "conservation",
    "row_level_security": "oversold",
    "scalar_item": "conservation",
    "silent_void": "conservation",
    "trigger_only": "conservation",
    "unit_rows": "false_sold_out",
    "variants": "conservation",
}
SMALL = {"examples": 4, "steps": 6, "crowds": 40, "buyers": [2, 4]}
REQUIRED = ["oversold", "conservation", "partial_order", "lost_order", "ghost_order"]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_correct_form_passes(judged: Judge, shape: str) -> None:
    result = judged(example(shape), "stateful", stateful=SMALL, checks={"require": REQUIRED})
    assert violated(result) == {}
    assert required_open(result) == {}
    assert result.verdict is Verdict.PASS


@pytest.mark.parametrize("shape", SHAPES)
def test_the_broken_form_is_convicted(judged: Judge, shape: str) -> None:
    result = judged(example(shape, "broken"), "stateful", stateful=SMALL)
    assert SHAPES[shape] in violated(result)


def test_every_example_is_tested() -> None:
    folders = {path.parent.name for path in resource("scenarios/contracts").glob("*/contract.toml")}
    assert folders == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_both_forms_load_and_are_named_after_their_folder(shape: str) -> None:
    assert load_contract(example(shape)).contract.name == shape
    assert load_contract(example(shape, "broken")).contract.name == f"{shape}_broken"
