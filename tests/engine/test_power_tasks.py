"""What 'doorbuster power' tries, and in which order."""

from pathlib import Path
from typing import cast

import pytest
from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.house import House
from doorbuster.engine.power import try_variant
from doorbuster.engine.power_run import repeated
from doorbuster.engine.power_tasks import library_tasks, offer
from doorbuster.model.power import Fate, PowerResult


def test_a_set_is_tried_cheapest_first() -> None:
    chosen = offer("gate").chosen
    assert chosen.index("stateful") < chosen.index("last_item_interleaved") < chosen.index("every_message")
    assert chosen.index("every_message") < chosen.index("typical_order") < chosen.index("server_crash")


def test_a_broken_function_meets_the_scenarios_of_its_header_first() -> None:
    (task,) = library_tasks(offer("gate"), 1, ["slow_under_the_lock"])
    assert task.scenarios[0].scenario.name == "typical_order"
    assert len(task.scenarios) > 5
    assert "latency" in task.stops_at


def test_a_correct_function_meets_the_whole_set_at_each_level_of_its_header() -> None:
    offered = offer("quick")
    tasks = library_tasks(offered, 1, ["row_lock_in_order"])
    assert [t.isolation for t in tasks] == ["read committed", "repeatable read", "serializable"]
    assert all(tuple(s.scenario.name for s in t.scenarios) == offered.chosen for t in tasks)
    assert all("oversold" in t.stops_at and "latency" not in t.stops_at for t in tasks)


def test_named_scenarios_take_the_place_of_a_set() -> None:
    assert offer("gate", ["last_item", "stateful"]).chosen == ("stateful", "last_item")
    with pytest.raises(ConfigError, match="no such scenario"):
        offer("gate", ["lost_item"])


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"no such variant[\s\S]*row_lock_in_order"):
        library_tasks(offer("quick"), 1, ["row_lock"])


def test_every_round_has_a_seed_of_its_own() -> None:
    tasks = library_tasks(offer("quick"), 1, ["no_lock"])
    assert [t.seed for t in repeated(tasks, 3, 10)] == [10, 11, 12]


def test_a_shop_is_not_held_to_scenarios_that_its_buyers_cannot_play() -> None:
    (task,) = library_tasks(offer("gate", ["crossed_carts", "stateful"]), 1, ["hold_then_confirm"])
    assert [loaded.scenario.name for loaded in task.scenarios] == ["stateful"]
    assert "crossed_carts was left out" in task.left_out[0]


def test_nothing_is_said_of_one_that_was_not_asked(tmp_path: Path) -> None:
    (task,) = library_tasks(offer("gate", ["crossed_carts"]), 1, ["hold_then_confirm"])
    trial = try_variant(cast(House, None), task, tmp_path / "never")
    result = PowerResult(1, 1, "", "", 0.0, "", (), (trial,))
    assert (trial.fate, result.exit_code, result.false_alarm_rate.total) == (Fate.NOT_ASKED, 4, 0)
    assert "several products at once" in trial.problem
    assert not (tmp_path / "never").exists()
