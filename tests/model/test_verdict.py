from itertools import pairwise

import pytest
from doorbuster.model.outcome import Outcome
from doorbuster.model.verdict import Verdict, worst


def test_nothing_ran_is_inconclusive() -> None:
    assert worst([]) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("worse", "better"), list(pairwise(Verdict)))
def test_the_worse_verdict_wins_in_any_order(worse: Verdict, better: Verdict) -> None:
    assert worst([worse, better]) is worse
    assert worst([better, worse]) is worse


def test_exit_codes_are_those_documented() -> None:
    assert {v.value: v.exit_code for v in Verdict} == {
        "pass": 0, "violation": 1, "error": 3, "inconclusive": 4, "slow": 5,
    }  # fmt: skip


def test_an_unknown_outcome_is_no_definite_no() -> None:
    assert {o for o in Outcome if not o.is_definite_no} == {Outcome.OK, Outcome.UNKNOWN}
