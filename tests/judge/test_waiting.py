"""What buyers waited: thresholds from raw samples, orders that were never sent, stalls by name."""

from pathlib import Path

import pytest
from doorbuster.model.check import ThresholdStatus
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict

from tests.judge.histories import START_US, History, judged

LIMIT = ("p99 < 500ms",)


def told_no(latencies_ms: list[float], *, every_ms: float = 1000) -> History:
    """Buyers of an empty shelf: the n-th asks after n times ``every_ms``, and is told "sold out" after its latency."""
    history = History({"apple": 0})
    for n, latency_ms in enumerate(latencies_ms):
        history.wants(f"k{n}", [("apple", 1)])
        history.tries(64 * n + 1, f"k{n}", every_ms * n, every_ms * n + latency_ms, "sold_out", pid=n)
    return history


def judge(history: History, folder: Path, *thresholds: str, aborted_by: str | None = None) -> ScenarioResult:
    return judged(history, folder, thresholds=thresholds, aborted_by=aborted_by)


@pytest.mark.parametrize(("slow_ms", "verdict"), [(504, Verdict.SLOW), (495, Verdict.PASS), (500, Verdict.SLOW)])
def test_504_ms_are_slow_and_495_are_not(tmp_path: Path, slow_ms: float, verdict: Verdict) -> None:
    result = judge(told_no([10.0] * 98 + [slow_ms] * 2), tmp_path, *LIMIT)
    assert result.verdict is verdict
    assert result.thresholds[0].value == slow_ms


def test_the_average_is_a_threshold_too(tmp_path: Path) -> None:
    result = judge(told_no([10.0, 30.0] * 20), tmp_path, "avg < 20.5ms", "avg < 19.5ms")
    assert [t.status for t in result.thresholds] == [ThresholdStatus.HOLDS, ThresholdStatus.VIOLATED]
    assert result.thresholds[0].value == 20


@pytest.mark.parametrize("limit", ["p50 < 500ms", "max < 500ms", "avg < 500ms", "error_rate < 1%", "throughput > 0/s"])
def test_too_few_samples_are_no_pass(tmp_path: Path, limit: str) -> None:
    result = judge(told_no([10.0] * 19), tmp_path, limit)
    assert result.thresholds[0].status is ThresholdStatus.UNEXERCISED
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_high_percentile_wants_more_samples(tmp_path: Path) -> None:
    result = judge(told_no([10.0] * 199, every_ms=20), tmp_path, "p99.9 < 500ms", "p99 < 500ms")
    assert [t.status for t in result.thresholds] == [ThresholdStatus.UNEXERCISED, ThresholdStatus.HOLDS]


def test_orders_that_were_never_sent_do_not_make_a_load_look_fast(tmp_path: Path) -> None:
    history = told_no([10.0] * 100)
    for n in range(5):
        due_us = START_US + 1000 * n
        history.tables["requests"].append([f"never{n}", "c", "1", "valid", "steady", due_us, None])
        history.tables["request_lines"].append([f"never{n}", 0, "apple", 1, "1"])
    result = judge(history, tmp_path, *LIMIT, "error_rate < 1%")
    assert [t.status for t in result.thresholds] == [ThresholdStatus.VIOLATED] * 2
    assert result.phases[0].dropped == 5
    assert result.phases[0].orders == result.orders == 100
    assert result.verdict is Verdict.SLOW


def test_a_threshold_that_ended_the_load_stays_broken(tmp_path: Path) -> None:
    limit = "p99 < 500ms abort_on_fail"
    result = judge(told_no([10.0] * 100), tmp_path, limit, "p50 < 500ms", aborted_by=limit)
    assert [t.status for t in result.thresholds] == [ThresholdStatus.VIOLATED, ThresholdStatus.HOLDS]
    assert result.verdict is Verdict.SLOW


def test_a_wait_for_a_connection_is_told_apart(tmp_path: Path) -> None:
    history = told_no([10.0] * 30)
    history.tables["connects"] += [[64 * 3 + 1, "k3", 7000], [64 * 5 + 1, "k5", 9000]]
    phase = judge(history, tmp_path).phases[0]
    assert (phase.connects, phase.connect_max_ms) == (2, 9.0)


def test_a_stall_is_named_with_its_orders(tmp_path: Path) -> None:
    # One order every 20 ms, answered within 5 ms, but nobody from 1 s to 3 s.
    latencies = [5.0 if not 1000 <= 20 * n < 3000 else 3005.0 - 20 * n for n in range(250)]
    result = judge(told_no(latencies, every_ms=20), tmp_path, *LIMIT)
    (stall,) = result.stalls
    assert stall.start_s == pytest.approx(1.0)
    assert stall.length_s == pytest.approx(2.005)
    assert stall.orders == 101  # the hundred of those two seconds, and the one that was due as it ended
    assert stall.fault is None
    assert result.verdict is Verdict.SLOW


def test_a_fault_that_was_on_is_named_with_the_stall(tmp_path: Path) -> None:
    history = told_no([5.0 if not 1000 <= 20 * n < 3000 else 3005.0 - 20 * n for n in range(250)], every_ms=20)
    history.tables["fault_windows"].append(["line down", "blackhole", START_US + 1_000_000, START_US + 2_900_000])
    assert [stall.fault for stall in judge(history, tmp_path).stalls] == ["line down"]


def test_a_low_rate_is_no_stall(tmp_path: Path) -> None:
    assert judge(told_no([5.0] * 40, every_ms=3000), tmp_path).stalls == ()


def test_slow_answers_one_after_another_are_no_stall(tmp_path: Path) -> None:
    assert judge(told_no([900.0] * 100, every_ms=50), tmp_path).stalls == ()
