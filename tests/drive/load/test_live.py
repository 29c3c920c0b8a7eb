"""Figures while a load runs, and what merges over workers."""

from doorbuster.config.thresholds import parse_threshold
from doorbuster.drive.load.live import Done, LiveFigures


def figures(*latencies_ms: float, outcome: str = "ok", phase: str = "steady") -> LiveFigures:
    found = LiveFigures()
    found.add(Done(outcome, latency_ms, phase) for latency_ms in latencies_ms)
    return found


def test_merged_over_workers_they_are_as_if_one_had_counted_all() -> None:
    one, other, master = figures(*range(1, 500)), figures(*range(500, 1001)), LiveFigures()
    for worker in (one, other):
        master.merge(worker.take())
    whole = figures(*range(1, 1001))
    assert [master.percentile_ms(p) for p in (50, 99, 100)] == [whole.percentile_ms(p) for p in (50, 99, 100)]


def test_what_was_taken_is_not_taken_again() -> None:
    one = figures(5)
    one.take()
    assert one.take() == {}


def test_three_significant_digits_are_kept() -> None:
    found = figures(*[504.4] * 100).percentile_ms(99)
    assert found is not None
    assert abs(found - 504.4) <= 0.51


def test_a_broken_threshold_is_told_with_its_value_once_its_time_has_come() -> None:
    threshold = parse_threshold("p99 < 500ms abort_on_fail after 2s")
    found = figures(*[10.0] * 90, *[900.0] * 10)
    assert found.broken([threshold], 1.9) is None
    broken = found.broken([threshold], 2.0)
    assert broken is not None
    assert broken[0] is threshold
    assert abs(broken[1] - 900) < 1


def test_a_value_at_the_limit_is_not_called_broken_for_its_rounding() -> None:
    threshold = parse_threshold("p99 < 500ms abort_on_fail")
    assert figures(*[499.99] * 100).broken([threshold], 1.0) is None
    assert figures(*[502.0] * 100).broken([threshold], 1.0) is not None


def test_too_few_samples_end_nothing_and_neither_does_a_threshold_that_is_not_to() -> None:
    assert figures(*[900.0] * 19).broken([parse_threshold("p99 < 500ms abort_on_fail")], 1.0) is None
    assert figures(*[900.0] * 99).broken([parse_threshold("p99 < 500ms")], 1.0) is None


def test_errors_end_a_load_in_the_phase_they_are_for() -> None:
    found = figures(*[5.0] * 50, outcome="unknown", phase="sale")
    found.add([Done("ok", 5.0, "quiet")] * 50)
    assert found.broken([parse_threshold("error_rate < 60% abort_on_fail")], 1.0) is None
    assert found.broken([parse_threshold("error_rate < 60% in sale abort_on_fail")], 1.0) is not None
    assert found.broken([parse_threshold("error_rate < 60% in quiet abort_on_fail")], 1.0) is None


def test_an_average_is_judged_too() -> None:
    found = figures(*[100.0, 300.0] * 20)
    assert found.broken([parse_threshold("avg < 150ms abort_on_fail")], 1.0) is not None
    assert found.broken([parse_threshold("avg < 201ms abort_on_fail")], 1.0) is None
