from dataclasses import replace
from datetime import date

import pytest
from doorbuster.engine.waivers import unneeded, waived
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import CheckStatus
from doorbuster.model.project import Waiver
from doorbuster.model.verdict import Verdict

from tests.report.samples import check, scenario

TEXTS = standard_checks()
BROKEN = scenario(
    "last_item", Verdict.VIOLATION,
    checks=(check("deadlock", CheckStatus.VIOLATED, violations=2), check("oversold", required=True)),
)  # fmt: skip


def waiver(check: str = "deadlock", scenario: str = "*") -> Waiver:
    return Waiver(check=check, scenario=scenario, reason="mended in the next release", expires=date(2999, 1, 1))


def test_a_waived_violation_is_a_warning_that_says_why() -> None:
    result = waived(BROKEN, [waiver()], TEXTS)
    assert result.verdict is Verdict.PASS
    assert result.checks[0].status is CheckStatus.WARNING
    assert result.checks[0].reason == "waived until 2999-01-01: mended in the next release"


@pytest.mark.parametrize("other", [waiver("oversold"), waiver(scenario="flash_sale")])
def test_a_waiver_waives_nothing_else(other: Waiver) -> None:
    assert waived(BROKEN, [other], TEXTS) == BROKEN


def test_a_waiver_makes_no_pass_of_what_is_missing_or_broken_off() -> None:
    missing = replace(BROKEN, checks=(BROKEN.checks[0], check("oversold", CheckStatus.UNEXERCISED, 0, required=True)))
    assert waived(missing, [waiver()], TEXTS).verdict is Verdict.INCONCLUSIVE
    assert waived(replace(BROKEN, error="broken off"), [waiver()], TEXTS).verdict is Verdict.ERROR


def test_a_waiver_that_waived_nothing_is_told() -> None:
    assert unneeded([waived(BROKEN, [waiver()], TEXTS)], [waiver()]) == []
    assert unneeded([BROKEN], [waiver("oversold")]) == ["the waiver of oversold was not needed: nothing violated it"]
    assert unneeded([BROKEN], [waiver("oversold", "flash_sale")]) == []
