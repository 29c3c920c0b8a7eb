"""The clocks of workers on other machines."""

from doorbuster.model.clock import Clock, drifted, measured
from hypothesis import given
from hypothesis import strategies as st

US = st.integers(0, 2_000_000)


@given(offset_us=st.integers(-(10**9), 10**9), ways=st.lists(st.tuples(US, US), min_size=1, max_size=9))
def test_the_true_offset_lies_within_the_error(offset_us: int, ways: list[tuple[int, int]]) -> None:
    exchanges = []
    for n, (there_us, back_us) in enumerate(ways):
        sent = 10_000_000 * n
        exchanges.append((sent, sent + there_us + offset_us, sent + there_us + back_us))
    clock = measured(exchanges)
    assert clock.early_us <= offset_us <= clock.late_us


def test_the_quickest_exchange_says_most() -> None:
    assert measured([(0, 5_000, 10_000), (20_000, 20_100, 20_200)]) == Clock(0, 101)


@given(before_us=st.integers(-(10**6), 10**6), after_us=st.integers(-(10**6), 10**6), part=st.floats(0, 1))
def test_a_clock_that_drifts_stays_within_the_error_all_the_while(before_us: int, after_us: int, part: float) -> None:
    clock = drifted(Clock(before_us, 50), Clock(after_us, 80))
    meanwhile_us = before_us + (after_us - before_us) * part
    assert clock.early_us <= meanwhile_us <= clock.late_us
