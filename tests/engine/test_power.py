"""Variants put to the test on a real server: a small matrix. All of it, ten times over, with DOORBUSTER_POWER=1."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.config.variant import read_variant
from doorbuster.engine.house import House, Known, Tools, open_empty_house
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.engine.mutants import Change, changes, load_equivalents, mutant_tasks, unspoken
from doorbuster.engine.power import Task, correctness, try_variant
from doorbuster.engine.power_tasks import Offer, library_tasks, offer
from doorbuster.host.resources import resource
from doorbuster.model.power import Fate, Trial

WHOLE = "DOORBUSTER_POWER"
SEED = 7


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_empty_house(Tools(), Known(), lambda _: None) as opened:
        yield opened


@pytest.fixture(scope="module")
def offered() -> Offer:
    return offer("gate")


@pytest.fixture(scope="module")
def found(house: House) -> list[Change]:
    """All changes of the hardened function and its tables."""
    return asyncio.run(changes(house, load_contract(resource(DEFAULT_CONTRACT))))


def only(task: Task, *names: str) -> Task:
    """The task with these scenarios, in this order."""
    return replace(task, scenarios=tuple(s for name in names for s in task.scenarios if s.scenario.name == name))


@pytest.mark.parametrize(
    ("name", "scenario"),
    [("off_by_one", "stateful"), ("key_ignored", "stateful"), ("no_lock", "last_item_interleaved"),
     ("ledger_at_repeatable_read", "last_item_interleaved")],
)  # fmt: skip
def test_a_broken_function_is_convicted_by_a_check_of_its_header(
    house: House, offered: Offer, tmp_path: Path, name: str, scenario: str
) -> None:
    (task,) = library_tasks(offered, SEED, [name])
    trial = try_variant(house, only(task, scenario), tmp_path / name)
    assert (trial.fate, trial.scenario) == (Fate.CONVICTED, scenario), trial
    assert set(trial.convicted_by) <= task.stops_at
    assert trial.attempts > 0
    assert (trial.schedules or 0) > 0 or scenario == "stateful"
    assert not (tmp_path / name).exists()  # what is of no further use is gone


def test_a_correct_function_is_not_convicted(house: House, offered: Offer, tmp_path: Path) -> None:
    task = library_tasks(offered, SEED, ["conditional_update"])[0]
    trial = try_variant(house, only(task, "stateful"), tmp_path / "it")
    assert (trial.fate, trial.problem) == (Fate.HELD, ""), trial


def test_a_correct_function_that_is_convicted_is_a_false_alarm_and_its_record_is_kept(
    house: House, offered: Offer, tmp_path: Path
) -> None:
    (broken,) = library_tasks(offered, SEED, ["off_by_one"])
    slandered = replace(only(broken, "stateful"), kind="correct", stops_at=correctness(offered.checks))
    trial = try_variant(house, slandered, tmp_path / "it")
    assert trial.fate is Fate.FALSE_ALARM
    assert (tmp_path / "it" / "stateful" / "attempts.parquet").exists()


def test_a_header_that_names_another_check_than_convicts_is_found_out(
    house: House, offered: Offer, tmp_path: Path
) -> None:
    text = resource("sql/broken/off_by_one.sql").read_text()
    liar = tmp_path / "off_by_one.sql"
    schema = resource("sql/schema.sql").resolve()
    liar.write_text(text.replace("by: oversold", "by: stale_commit").replace("../schema.sql", str(schema)))
    variant = read_variant(liar, "broken", offered.checks, offered.scenarios)
    (honest,) = library_tasks(offered, SEED, ["off_by_one"])
    task = replace(only(honest, "stateful"), contract=variant.loaded("read committed"),
                   stops_at=frozenset(variant.convicted_by))  # fmt: skip
    assert try_variant(house, task, tmp_path / "it").fate is Fate.MISMATCHED


def test_a_header_that_names_another_scenario_than_convicts_is_found_out(
    house: House, offered: Offer, tmp_path: Path
) -> None:
    (task,) = library_tasks(offered, SEED, ["off_by_one"])
    liar = replace(only(task, "stateful"), suffice=frozenset(["typical_order"]))
    assert try_variant(house, liar, tmp_path / "it").fate is Fate.MISMATCHED


def test_what_does_not_deploy_is_an_error_of_the_library_and_a_discarded_mutant(
    house: House, offered: Offer, tmp_path: Path
) -> None:
    file = tmp_path / "bad.sql"
    file.write_text("create function nothing(;\n")
    (task,) = library_tasks(offered, SEED, ["off_by_one"])
    contract = load_contract(resource(DEFAULT_CONTRACT), {"schema": {"files": [str(file)]}})
    fates = [
        try_variant(house, replace(task, contract=contract, kind=kind), tmp_path / kind).fate
        for kind in ("broken", "mutant")
    ]
    assert fates == [Fate.ERROR, Fate.UNDEPLOYED]


def test_mutants_of_functions_constraints_and_indexes_are_found(found: list[Change]) -> None:
    operators = {change.operator for change in found}
    assert {"drop lock", "drop constraint", "drop unique index", "drop statement", "absolute write"} <= operators
    assert len({change.name for change in found}) == len(found)
    assert all(change.sql and change.diff for change in found)


def test_every_argued_equivalent_speaks_of_a_mutant_and_argues(found: list[Change]) -> None:
    equivalents = load_equivalents(resource("sql/equivalent_mutants.toml"))
    assert unspoken(equivalents, found) == []
    assert all(len(equivalent.because.split()) > 4 for equivalent in equivalents)


def test_a_mutant_is_convicted_and_an_argued_one_not_tried(
    house: House, offered: Offer, found: list[Change], tmp_path: Path
) -> None:
    (change,) = [c for c in found if c.operator == "drop statement" and c.was.startswith("update products")]
    contract = load_contract(resource(DEFAULT_CONTRACT))
    (task,) = mutant_tasks([change], contract, offered, SEED, tmp_path / "sql", ())
    trial = try_variant(house, only(task, "stateful"), tmp_path / "it")
    assert trial.fate is Fate.CONVICTED
    assert "-        update products" in trial.diff
    assert try_variant(house, replace(task, argument="it does"), tmp_path / "it").fate is Fate.EQUIVALENT


@pytest.mark.skipif(WHOLE not in os.environ, reason=f"half an hour: every variant, ten seeds; set {WHOLE}=1")
def test_the_whole_library_ten_times(house: House, offered: Offer, tmp_path: Path) -> None:
    tasks = [t for seed in range(10) for t in library_tasks(offered, seed, ["broken"])]
    wrong: list[Trial] = []
    for number, task in enumerate(tasks):
        trial = try_variant(house, task, tmp_path / str(number))
        if trial.fate is not Fate.CONVICTED:
            wrong.append(trial)
    assert wrong == []
