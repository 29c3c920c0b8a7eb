"""Giving up on an attempt: the caller goes on, and nothing of it is left running."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """As :func:`in_time`, for one attempt after another: one timer for many of them, looked after when it rings.

    ``with patience: return await work``; past that, the time was over. The lightest way to say it: a load does so for
    every order.
    """

    def __init__(self, timeout_s: float, drop: Callable[[], None]) -> None:
        self._timeout_s = timeout_s
        self._drop = drop
        self._task: asyncio.Task[Any] | None = None
        self._deadline = 0.0
        self._has_expired = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._has_expired, self._deadline = False, time.monotonic() + self._timeout_s
        if self._timer is None or self._loop is not loop:
            self._loop, self._timer = loop, loop.call_later(self._timeout_s, self._look)

    def begin_again(self) -> None:
        """Another attempt begins, in the same task and without leaving."""
        self._deadline = time.monotonic() + self._timeout_s

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        task, self._task = self._task, None
        if kind is None or not issubclass(kind, asyncio.CancelledError):
            return False
        if not self._has_expired:
            self._drop()
            return False
        assert task is not None
        return not task.uncancel()  # else it was cancelled from outside at the same moment

    def _look(self) -> None:
        """The timer rang: for the attempt that it was set for, for a later one, or for none."""
        self._timer = None
        if self._task is None or self._loop is None:
            return
        left_s = self._deadline - time.monotonic()
        if left_s > 0:
            # Loops count in milliseconds: not a little too early, again and again.
            self._timer = self._loop.call_later(left_s + 0.001, self._look)
            return
        self._has_expired = True
        self._drop()
        self._task.cancel()


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
