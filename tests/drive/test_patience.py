"""Giving up on an attempt: one timer for many of them, and nothing is left running."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from doorbuster.drive.patience import Patience, in_time

Giver = Callable[[float, list[str]], Callable[[Any], Awaitable[Any]]]


def with_timer_of_its_own(timeout_s: float, log: list[str]) -> Callable[[Any], Awaitable[Any]]:
    return lambda work: in_time(work, timeout_s, lambda: log.append("dropped"))


def with_one_timer(timeout_s: float, log: list[str]) -> Callable[[Any], Awaitable[Any]]:
    return lambda work: within(Patience(timeout_s, lambda: log.append("dropped")), work)


async def within(patience: Patience, work: Any) -> Any:
    with patience:
        return await work
    return None


async def answers(after_s: float, log: list[str]) -> str:
    try:
        await asyncio.sleep(after_s)
    except asyncio.CancelledError:
        log.append("ended")
        raise
    return "answer"


@pytest.fixture(params=[with_timer_of_its_own, with_one_timer])
def giver(request: pytest.FixtureRequest) -> Giver:
    """Both ways must do the same."""
    found: Giver = request.param
    return found


async def test_an_answer_in_time_is_the_result(giver: Giver) -> None:
    log: list[str] = []
    assert await giver(60, log)(answers(0, log)) == "answer"
    assert log == []


async def test_where_the_time_is_over_the_line_is_dropped_before_the_work_is_ended(giver: Giver) -> None:
    log: list[str] = []
    assert await giver(0.01, log)(answers(60, log)) is None
    assert log == ["dropped", "ended"]
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_cancelled_from_outside_it_is_dropped_too_and_the_cancellation_goes_on(giver: Giver) -> None:
    log: list[str] = []
    attempt = asyncio.ensure_future(giver(60, log)(answers(60, log)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert sorted(log) == ["dropped", "ended"]


async def test_an_error_of_the_work_is_an_error(giver: Giver) -> None:
    async def fails() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        await giver(60, [])(fails())


async def test_every_attempt_has_its_whole_time_although_one_timer_serves_many() -> None:
    log: list[str] = []
    patience = Patience(0.6, lambda: log.append("dropped"))
    for _ in range(8):  # together longer than the time of one
        assert await within(patience, answers(0.1, log)) == "answer"
    assert await within(patience, answers(60, log)) is None
    assert await within(patience, answers(0, log)) == "answer"
    assert log == ["dropped", "ended"]
