import pytest
from doorbuster.config.thresholds import parse_threshold


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
