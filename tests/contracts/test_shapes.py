"""Every worked example under scenarios/contracts: its correct form passes, its broken form is convicted."""

from typing import Any

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.host.resources import resource
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, required_open, violated

# What convicts the broken form; other checks may do so, too. A mistake that one order alone shows is shown by the fixed
# sequences of kind 'stateful'; a race by one forced switch among these crowds: neither hangs on who comes first.
ALONE = {
    "bill_of_materials": "conservation",
    "cart_table": "duplicate_order",
    "hold_then_confirm": "conservation",
    "json_cart": "ghost_order",
    "json_lines": "conservation",
    "procedure": "partial_order",
    "row_level_security": "conservation",
    "silent_void": "conservation",
    "variants": "conservation",
}
RACES = {
    "capacity_minus_sum": ("last_unit", "oversold"),
    "composite_cart": ("last_unit", "oversold"),
    "ledger_only": ("last_unit", "oversold"),
    "own_stock_table": ("last_unit", "oversold"),
    "reserved_counter": ("cancelled_twice", "conservation"),
    "scalar_item": ("both_fit", "conservation"),
    "trigger_only": ("both_fit", "conservation"),
    "unit_rows": ("last_unit", "false_sold_out"),
}
SMALL = {"examples": 4, "steps": 6, "crowds": 40, "buyers": [2, 4]}
FIXED_SEQUENCES = {"examples": 1, "steps": 1, "crowds": 0}
REQUIRED = ["oversold", "conservation", "partial_order", "lost_order", "ghost_order"]


def one_switch_of(crowd: str) -> dict[str, Any]:
    """Every schedule of two buyers with at most one forced switch, and nothing that is left to chance."""
    return {"crowds": [crowd], "preemptions": 1, "exhaust": 0, "overlaps": 0}


def one_switch(judged: Judge, shape: str, form: str) -> ScenarioResult:
    crowd, check = RACES[shape]
    return judged(example(shape, form), "interleave", interleave=one_switch_of(crowd), checks={"require": [check]})


@pytest.mark.parametrize("shape", sorted(ALONE.keys() | RACES.keys()))
def test_the_correct_form_passes(judged: Judge, shape: str) -> None:
    result = judged(example(shape), "stateful", stateful=SMALL, checks={"require": REQUIRED})
    assert violated(result) == {}
    assert required_open(result) == {}
    assert result.verdict is Verdict.PASS


@pytest.mark.parametrize("shape", RACES)
def test_the_correct_form_passes_the_schedules_that_convict_the_broken_one(judged: Judge, shape: str) -> None:
    result = one_switch(judged, shape, "contract")
    assert violated(result) == {}
    assert required_open(result) == {}
    assert result.verdict is Verdict.PASS


@pytest.mark.parametrize("shape", ALONE)
def test_a_mistake_that_needs_nobody_else_is_convicted_by_fixed_sequences(judged: Judge, shape: str) -> None:
    result = judged(example(shape, "broken"), "stateful", stateful=FIXED_SEQUENCES)
    assert ALONE[shape] in violated(result)


@pytest.mark.parametrize("shape", RACES)
def test_a_race_is_convicted_by_one_forced_switch(judged: Judge, shape: str) -> None:
    assert RACES[shape][1] in violated(one_switch(judged, shape, "broken"))


def test_every_example_is_tested() -> None:
    folders = {path.parent.name for path in resource("scenarios/contracts").glob("*/contract.toml")}
    assert folders == ALONE.keys() | RACES.keys()


@pytest.mark.parametrize("shape", sorted(ALONE.keys() | RACES.keys()))
def test_both_forms_load_and_are_named_after_their_folder(shape: str) -> None:
    assert load_contract(example(shape)).contract.name == shape
    assert load_contract(example(shape, "broken")).contract.name == f"{shape}_broken"
