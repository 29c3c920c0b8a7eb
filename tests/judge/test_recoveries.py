"""Recovery from each fault: measured from its end, and a violation only where the shop alone can be the reason."""

from pathlib import Path

import pytest
from doorbuster.model.drill import Recovery
from doorbuster.model.result import ScenarioResult

from tests.judge.histories import START_US, History, check_of, judged

CALM_MS, FAULT_MS, HEALED_MS = 0, 3000, 5000


def told(history: History, from_ms: float, to_ms: float, outcome: str, latency_ms: float = 10.0) -> None:
    """A buyer comes every 100 ms, and each is answered in the same way."""
    at = from_ms
    while at < to_ms:
        key = f"k{at:g}"
        history.wants(key, [("apple", 1)])
        history.tries(64 * int(at + 1), key, at, at + latency_ms, outcome, order_id="1" if outcome == "ok" else None)
        at += 100


def fault(history: History, name: str, from_ms: float, to_ms: float) -> None:
    history.tables["fault_windows"].append([name, name, START_US + from_ms * 1000, START_US + to_ms * 1000])


def drill(after: str = "ok", *, until_ms: float = 15_000, slow_until_ms: float = 0) -> History:
    """Steady, then a fault, and then what comes ``after``."""
    history = History({"apple": 1000})
    told(history, CALM_MS, FAULT_MS, "ok")
    fault(history, "storm", FAULT_MS, HEALED_MS)
    told(history, FAULT_MS, HEALED_MS, "unknown")
    if slow_until_ms:
        told(history, HEALED_MS, slow_until_ms, after, 300.0)
    told(history, max(HEALED_MS, slow_until_ms), until_ms, after)
    return history


def recovery(result: ScenarioResult, name: str = "storm") -> Recovery:
    return next(r for r in result.recoveries if r.fault == name)


def unfinished(result: ScenarioResult) -> int:
    return check_of(result, "unfinished").violations


def test_recovery_is_measured_from_the_end_of_the_fault(tmp_path: Path) -> None:
    found = recovery(result := judged(drill(slow_until_ms=7000), tmp_path))
    assert found.healed_s == pytest.approx((START_US + HEALED_MS * 1000 - START_US) / 1e6)
    assert found.first_good_ms == pytest.approx(300)
    assert found.limit_ms == pytest.approx(20)
    assert found.normal_ms == pytest.approx(1900)  # from there on one of twenty is slow, which is how it was before
    assert not unfinished(result)
    assert check_of(result, "unfinished").exercised == 1


@pytest.mark.parametrize(("answer", "violations"), [("aborted", 1), ("error", 1), ("sold_out", 0), ("refused", 0)])
def test_a_shop_that_answers_nothing_but_no_has_not_recovered(tmp_path: Path, answer: str, violations: int) -> None:
    result = judged(drill(answer), tmp_path)
    assert unfinished(result) == violations
    assert recovery(result).first_good_ms is None


def test_nothing_is_held_against_a_shop_that_nobody_ordered_from_afterwards(tmp_path: Path) -> None:
    assert not unfinished(judged(drill(until_ms=HEALED_MS), tmp_path))


def test_nor_while_another_fault_came_in_time(tmp_path: Path) -> None:
    history = drill("aborted")
    fault(history, "rain", 8000, 9000)
    told(history, 9050, 9060, "ok")
    result = judged(history, tmp_path)
    assert not unfinished(result)
    assert recovery(result).until_s == pytest.approx(8)


def test_nothing_is_measured_where_another_fault_was_still_on(tmp_path: Path) -> None:
    history = drill("aborted", until_ms=6100)
    fault(history, "rain", 4000, 6000)
    assert [r.fault for r in judged(history, tmp_path).recoveries] == ["rain"]


def test_without_enough_orders_before_it_nothing_says_what_is_normal(tmp_path: Path) -> None:
    history = History({"apple": 1000})
    told(history, 0, 900, "ok")
    fault(history, "storm", 1000, 2000)
    told(history, 2000, 9000, "ok")
    found = recovery(judged(history, tmp_path))
    assert (found.limit_ms, found.normal_ms) == (None, None)
    assert found.first_good_ms == pytest.approx(10)


def test_a_fault_that_a_load_ends_with_is_not_told_as_not_recovered_from(tmp_path: Path) -> None:
    assert judged(drill(until_ms=HEALED_MS), tmp_path).recoveries == ()
