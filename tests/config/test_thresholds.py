import pytest
from doorbuster.config.thresholds import longer, parse_threshold


def test_latency_is_in_milliseconds_whatever_the_unit() -> None:
    assert parse_threshold("max < 2s").limit == 2000
    assert parse_threshold("p99.9 <= 500ms in steady").quantile == pytest.approx(0.999)


def test_a_rate_of_errors_is_a_fraction() -> None:
    assert parse_threshold("error_rate < 0.1%").limit == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("p99 less than 500", "for example"),
        ("latenzy < 5ms", "unknown metric 'latenzy'; known"),
        ("p99 < 500", "'ms' or 's'"),
        ("throughput > 5ms", "'/s' or 'no unit'"),
    ],
)
def test_a_bad_threshold_says_what_would_be_right(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_threshold(text)


def test_a_threshold_can_end_the_load() -> None:
    assert parse_threshold("p99 < 500ms").abort_after_s is None
    assert parse_threshold("p99 < 500ms abort_on_fail").abort_after_s == 0
    threshold = parse_threshold("error_rate < 5% in steady abort_on_fail after 2.5s")
    assert (threshold.phase, threshold.abort_after_s) == ("steady", 2.5)


def test_throughput_cannot_end_the_load() -> None:
    with pytest.raises(ValueError, match="known at the end"):
        parse_threshold("throughput > 5/s abort_on_fail")


def test_an_average_has_no_quantile_and_a_maximum_the_highest() -> None:
    assert (parse_threshold("avg < 5ms").quantile, parse_threshold("max < 5ms").quantile) == (None, 1.0)


@pytest.mark.parametrize(("text", "least"), [("p50 < 1s", 20), ("p99 < 1s", 20), ("p99.9 < 1s", 200), ("max < 1s", 20)])
def test_the_higher_the_percentile_the_more_samples_it_wants(text: str, least: int) -> None:
    assert parse_threshold(text).least_samples == least


@pytest.mark.parametrize(
    ("expression", "longer_by_200_ms"),
    [
        ("p99 < 500ms in slow", "p99 < 700ms in slow"),
        (" max <= 2s abort_on_fail after 5s ", "max <= 2.2s abort_on_fail after 5s"),
        ("avg > 5ms", "avg > 5ms"),
        ("error_rate < 0.1%", "error_rate < 0.1%"),
        ("throughput > 300/s", "throughput > 300/s"),
    ],
)
def test_an_upper_limit_of_a_latency_can_be_made_longer(expression: str, longer_by_200_ms: str) -> None:
    assert longer(expression, 200) == longer_by_200_ms
