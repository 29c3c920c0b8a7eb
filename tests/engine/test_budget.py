"""A budget of time: what comes first, what no longer fits, and what earlier runs teach."""

import json
from collections.abc import Callable
from pathlib import Path

from doorbuster.engine.budget import FINDS, Budget, Known, measured, most_first, remembered
from doorbuster.engine.loading import standing_scenarios
from doorbuster.host.resources import resource
from doorbuster.model.check import CheckStatus
from doorbuster.model.scenario import Phase, Scenario
from doorbuster.model.verdict import Verdict
from doorbuster.report.result_json import as_json

from tests.report import samples


def known(seconds: float, *convicts: str) -> Known:
    return Known(seconds, frozenset(convicts))

def test_what_convicts_most_that_is_new_a_second_comes_first() -> None:
    table = {
        "long": known(20, "a", "b", "c", "d"),
        "short": known(2, "a", "b"),
        "same as short": known(3, "a", "b"),
        "nothing": known(1),
        "other": known(4, "d"),
    }
    assert most_first(table) == ["short", "other", "long", "nothing", "same as short"]

def test_what_failed_the_last_time_comes_before_all() -> None:
    assert most_first({"a": known(1, "x", "y"), "b": Known(30, failed=True)}) == ["b", "a"]

class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

def spent(budget: Budget, clock: Clock, takes: Callable[[str], float]) -> list[str]:
    ran = []
    while (name := budget.next()) is not None:
        ran.append(name)
        clock.now += takes(name)
    return ran

TABLE = {"a": known(5, "1", "2", "3"), "b": known(10, "4"), "c": known(30, "5"), "d": known(4, "1")}

def test_what_does_not_fit_is_left_and_what_does_still_runs() -> None:
    clock = Clock()
    budget = Budget(list(TABLE), TABLE, clock.now + 20, clock)
    assert spent(budget, clock, lambda name: TABLE[name].seconds) == ["a", "b", "d"]
    assert budget.left == ["c"]

def test_a_slow_machine_is_learned_of() -> None:
    clock = Clock()
    budget = Budget(list(TABLE), TABLE, clock.now + 20, clock)
    assert spent(budget, clock, lambda name: 2 * TABLE[name].seconds) == ["a", "d"]  # 10 s, then 8 s
    assert budget.left == ["b", "c"]

def test_a_budget_that_is_over_reaches_nothing() -> None:
    clock = Clock()
    budget = Budget(list(TABLE), TABLE, clock.now, clock)
    assert budget.next() is None
    assert sorted(budget.left) == sorted(TABLE)

def test_standing_scenarios_have_been_measured_and_ones_own_counts_for_itself() -> None:
    table = json.loads(resource(FINDS).read_text())
    assert set(table) <= set(standing_scenarios())
    assert any(entry["convicts"] for entry in table.values())

    own = Scenario(name="ours", kind="load", description="", phases=(Phase(name="p", duration_s=7, rate=1),))
    assert measured([own]) == {"ours": Known(12.0, frozenset({"own: ours"}))}

def test_earlier_runs_of_the_same_shop_teach(tmp_path: Path) -> None:
    table = {"last_item": known(3, "a"), "connection_lost": known(9, "b")}
    violated = (samples.check("oversold", CheckStatus.VIOLATED, violations=1),)
    runs = {
        "2026-03-01": samples.run(
            Verdict.VIOLATION, samples.scenario("connection_lost", duration_s=11.0, checks=violated)
        ),
        "2026-03-02": samples.run(Verdict.VIOLATION, samples.scenario("last_item", duration_s=4.0, checks=violated)),
        "2026-03-03": samples.run(
            Verdict.PASS, samples.scenario("last_item", duration_s=99.0), contract={"name": "another"}
        ),
    }
    for name, run in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(as_json(run))
    (tmp_path / "2026-03-04").mkdir()
    (tmp_path / "2026-03-04" / "result.json").write_text("{")
    shop = runs["2026-03-01"].contract["name"]
    assert remembered(table, tmp_path, shop) == {
        "last_item": Known(4.0, frozenset("a"), failed=True),
        "connection_lost": Known(11.0, frozenset("b"), failed=False),
    }
    assert remembered(table, tmp_path, "never seen") == table
