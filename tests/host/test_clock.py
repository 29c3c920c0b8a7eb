"""A clock that begins with the wall clock and goes on evenly, and tells of steps."""

import time
from collections.abc import Iterator

import pytest
from doorbuster.host import clock

SECOND_NS = 1_000_000_000


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    clock.set_clock()


def test_it_tells_the_time_of_the_wall_clock() -> None:
    clock.set_clock()
    before_us, before_ns = time.time_ns() // 1000, time.monotonic_ns()
    now_us, monotonic_ns = clock.moment()
    assert abs(now_us - before_us) < 1_000_000
    assert before_ns <= monotonic_ns <= time.monotonic_ns()
    assert clock.now_us() >= now_us
    assert abs(clock.stepped_us()) < 1_000_000


def test_a_step_of_the_wall_clock_moves_nothing_until_it_is_set_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.set_clock()
    before_us, wall = clock.now_us(), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() - 5 * SECOND_NS)
    assert 0 <= clock.now_us() - before_us < 1_000_000
    assert abs(clock.stepped_us() + 5_000_000) < 1_000_000
    clock.set_clock()
    assert abs(clock.now_us() - before_us + 5_000_000) < 1_000_000
    assert abs(clock.stepped_us()) < 1_000_000


def test_a_process_that_was_held_up_between_the_two_reads_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0, 500_000_000, 600_000_000, 600_001_000, 700_000_000])
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(now))
    monkeypatch.setattr(time, "time_ns", lambda: 600_007_000)
    clock.set_clock()
    assert clock.moment() == (700_007, 700_000_000)


def test_a_machine_that_is_always_held_up_still_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10**12, 10**9))
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(now))
    clock.set_clock()
    assert clock.moment()[1] >= 0
