"""Giving up on an attempt: the caller goes on, and nothing of it is left running."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def in_time(work: Coroutine[Any, Any, T], timeout_s: float, drop: Callable[[], None]) -> T | None:
    """The result of ``work``, or None after ``timeout_s`` seconds; then, and on cancellation, ``drop`` is called first.

    ``drop`` cuts the line: anything kinder, such as a cancel request, would hang in the same broken network.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        drop()
        await _abandon(task)
        raise
    if done:
        return task.result()
    drop()
    await _abandon(task)
    return None


async def _abandon(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    with suppress(BaseException):
        await task
