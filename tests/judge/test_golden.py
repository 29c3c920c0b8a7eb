"""Every check has golden histories in pairs: the bad one is convicted by it, the good one exercises it and holds."""

from pathlib import Path

import pytest
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import CheckStatus

from tests.judge.golden import read_golden
from tests.judge.histories import check_of, judged, violated

GOLDEN = Path(__file__).parent.parent / "golden"
GOOD, BAD = (sorted((GOLDEN / kind).glob("*/*.toml")) for kind in ("good", "bad"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("check", sorted(standard_checks()))
def test_every_check_has_a_pair(check: str) -> None:
    good, bad = ({p.stem for p in paths if p.parent.name == check} for paths in (GOOD, BAD))
    assert good, "no golden history"
    assert good == bad, "a good or a bad half is missing"


def test_no_golden_history_is_of_an_unknown_check() -> None:
    assert {p.parent.name for p in (*GOOD, *BAD)} == set(standard_checks())


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_bad_history_is_convicted_by_its_check(path: Path, tmp_path: Path) -> None:
    golden, check = read_golden(path), path.parent.name
    result = judged(golden.history, tmp_path, required=golden.required, thresholds=golden.thresholds)
    assert violated(result) == {check} | golden.also, golden.about
    assert check_of(result, check).status is CheckStatus.VIOLATED
    assert check_of(result, check).example


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_history_exercises_its_check_and_holds(path: Path, tmp_path: Path) -> None:
    golden, check = read_golden(path), path.parent.name
    result = judged(golden.history, tmp_path, required=golden.required, thresholds=golden.thresholds)
    assert violated(result) == golden.also, golden.about
    assert check_of(result, check).status is CheckStatus.HOLDS, check_of(result, check)
    assert check_of(result, check).exercised > 0
