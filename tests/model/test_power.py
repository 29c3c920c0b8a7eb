"""What a measurement of power comes to."""

import pytest
from doorbuster.model.power import Fate, PowerResult, Trial, VariantKind, wilson


def trial(kind: VariantKind, fate: Fate, seconds: float = 1.0) -> Trial:
    return Trial("v", kind, "read committed", 1, fate, "a title", seconds=seconds)


def result(*trials: Trial, error: str | None = None) -> PowerResult:
    return PowerResult(1, 1, "doorbuster power", "2030-01-01T00:00:00", 1.0, "library", (), trials, error=error)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # from Wilson's formula by hand, and Brown, Cai, DasGupta (2001)
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval(hits: int, total: int, low: float, high: float) -> None:
    found = wilson(hits, total)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_nothing_tried_says_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_discarded_and_equivalent_mutants_do_not_count() -> None:
    discarded = [trial("mutant", fate) for fate in (Fate.UNDEPLOYED, Fate.UNUSABLE, Fate.EQUIVALENT)]
    found = result(trial("mutant", Fate.CONVICTED), trial("mutant", Fate.SURVIVED), *discarded).kill_rate
    assert (found.hits, found.total) == (1, 2)


@pytest.mark.parametrize(
    ("trials", "code"),
    [
        ([("broken", Fate.CONVICTED), ("correct", Fate.HELD)], 0),
        ([("broken", Fate.SURVIVED)], 1),
        ([("broken", Fate.MISMATCHED)], 1),
        ([("correct", Fate.FALSE_ALARM), ("broken", Fate.ERROR)], 1),
        ([("mutant", Fate.SURVIVED)], 1),
        ([("broken", Fate.ERROR)], 3),
        ([("correct", Fate.INCONCLUSIVE)], 4),
        ([("mutant", Fate.UNDEPLOYED), ("mutant", Fate.EQUIVALENT), ("mutant", Fate.CONVICTED)], 0),
        ([], 4),
    ],
)
def test_the_exit_code(trials: list[tuple[VariantKind, Fate]], code: int) -> None:
    assert result(*(trial(kind, fate) for kind, fate in trials)).exit_code == code


def test_a_run_that_broke_off_is_no_success() -> None:
    assert result(trial("broken", Fate.CONVICTED), error="interrupted").exit_code == 3


def test_the_median_is_of_convictions_only() -> None:
    found = result(*(trial("broken", Fate.CONVICTED, s) for s in (1, 2, 9)), trial("broken", Fate.SURVIVED, 50))
    assert found.median_seconds == 2
    assert found.as_dict()["figures"]["median_seconds"] == 2
