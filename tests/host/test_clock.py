"""Two clocks read at one moment, also where the process is held up between the two."""

import time

import pytest
from doorbuster.host.clock import moment


def test_both_clocks_tell_of_the_same_moment() -> None:
    before_us, before_ns = time.time_ns() // 1000, time.monotonic_ns()
    wall_us, monotonic_ns = moment()
    assert before_us <= wall_us <= time.time_ns() // 1000
    assert before_ns <= monotonic_ns <= time.monotonic_ns()


def test_a_process_that_was_held_up_between_the_two_reads_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0, 500_000_000, 600_000_000, 600_001_000])
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(now))
    monkeypatch.setattr(time, "time_ns", lambda: 7_000)
    assert moment() == (7, 600_000_000)


def test_a_machine_that_is_always_held_up_still_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10**12, 10**9))
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(now))
    assert moment()[1] >= 0
