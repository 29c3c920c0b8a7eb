"""Giving up on an attempt: the caller goes on, and nothing of it is left running."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def in_time(work: Coroutine[Any, Any, T], timeout_s: float, drop: Callable[[], None]) -> T | None:
    """The result of ``work``, or None after ``timeout_s`` seconds; then ``drop`` is called first, on cancellation last.

    ``drop`` cuts the line: anything kinder, such as a cancel request, would hang in the same broken network. The work
    is done in the caller's own task: another would cost as much as a tenth of an order.
    """
    task = asyncio.current_task()
    assert task is not None
    has_expired = False

    def expire() -> None:
        nonlocal has_expired
        has_expired = True
        drop()
        task.cancel()

    expiry = asyncio.get_running_loop().call_later(timeout_s, expire)
    try:
        return await work
    except asyncio.CancelledError:
        if not has_expired:
            drop()
            raise
        if task.uncancel():  # cancelled from outside at the same moment
            raise
        return None
    finally:
        expiry.cancel()
