"""A few attacks; the whole campaign is run by hand (docs/robustness.md)."""

import psutil
import pytest

from tests.attack.campaign import ATTACKS, Ending, attack, scratch, table


@pytest.mark.parametrize(
    ("name", "scenario", "moment_s"),
    [
        ("kill Toxiproxy", "last_item", 2.0),
        ("kill Postgres", "small_crowds", 2.0),
        ("kill Locust", "typical_order", 2.0),
        ("kill the guardian", "last_item", 1.0),
        ("kill the harness", "every_statement", 3.0),
        ("SIGINT twice", "typical_order", 2.0),
    ],
)
def test_an_attacked_run_says_nothing_false_ends_and_leaves_nothing(name: str, scenario: str, moment_s: float) -> None:
    with scratch() as base:
        ending = attack(name, scenario, moment_s, base)
    assert ending.problems == [], ending.output


def ending(**changes: object) -> Ending:
    fields = {"attack": "kill Toxiproxy", "scenario": "last_item", "moment_s": 1.0, "hit": True, "exit_code": 3,
              "leftovers": (), "recheck": None, "output": ""}  # fmt: skip
    return Ending(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_pass_a_false_accusation_a_hang_and_leftovers_are_problems() -> None:
    assert ending().problems == []
    assert ending(exit_code=0).problems == ["exit 0"]
    assert ending(exit_code=0, hit=False).problems == []
    assert ending(exit_code=1, hit=False).problems == ["exit 1"]
    assert ending(exit_code=5).problems == ["exit 5"]
    assert ending(exit_code=None).problems == ["did not end within 120 s"]
    assert ending(leftovers=("folder /tmp/x",)).problems == ["left behind: folder /tmp/x"]
    assert ending(attack="kill the harness", exit_code=-9, recheck=1).problems == ["recheck said 1"]
    assert "| kill Toxiproxy | 1 | 1 | 0 |" in table([ending(exit_code=0)])


def test_victims_are_looked_for_below_the_harness_only() -> None:
    ourselves = psutil.Process()
    assert all(not what.find(ourselves) for name, what in ATTACKS.items() if name.startswith(("kill P", "kill T")))
