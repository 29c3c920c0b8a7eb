"""Requests to end: Ctrl-C, SIGTERM, a terminal that is gone. The first is obeyed cleanly, and none is ever lost.

A KeyboardInterrupt raised wherever an event loop happens to be can tear a callback in two that a thread waits for, and
a cancellation can be swallowed on its way. So while a loop runs its main task is cancelled, and whatever becomes of
that, no further work starts, and :func:`run_interruptibly` ends in KeyboardInterrupt.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN = 4  # who insists in the middle of the clean-up is told to wait; from here on, he is obeyed again
WAIT = b"doorbuster: stopping; what was started is being removed first\n"


class Interrupts:
    """How often it was asked for, and the task that is cancelled then."""

    def __init__(self) -> None:
        self.times = 0
        self._main: asyncio.Task[Any] | None = None
        self._held: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    async def hold(self, most_s: float, say: Callable[[], None]) -> bool:
        """Wait until somebody asks to end, which then only ends the waiting; whether somebody did within ``most_s``.

        ``say`` tells people of it: from there on they may ask.
        """
        asked = asyncio.Event()
        self._held = asyncio.get_running_loop(), asked
        try:
            say()
            await asyncio.wait_for(asked.wait(), most_s)
        except TimeoutError:
            return False
        finally:
            self._held = None
        return True

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The handler; in the main thread, between any two instructions."""
        if self._held is not None:
            (loop, asked), self._held = self._held, None
            loop.call_soon_threadsafe(asked.set)
            return
        self.times += 1
        if 1 < self.times < AGAIN:
            os.write(2, WAIT)
        elif self._main is None or self.times > AGAIN:
            raise KeyboardInterrupt
        else:
            self._main.get_loop().call_soon_threadsafe(self._main.cancel)

    async def guarded(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs ``work`` as the task that an interrupt cancels."""
        self._main = asyncio.current_task()
        try:
            return await work
        finally:
            self._main = None


_current = Interrupts()


async def hold(most_s: float, say: Callable[[], None]) -> bool:
    """Wait for a first interrupt, which then ends nothing but the waiting; whether one came within ``most_s``.

    ``say`` tells people that they may.
    """
    return await _current.hold(most_s, say)


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handles the signals for the length of a block; KeyboardInterrupt may come out of it."""
    global _current
    _current = Interrupts()
    before = {number: signal.signal(number, _current.on_signal) for number in SIGNALS}
    try:
        yield _current
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _current = Interrupts()


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``.

    Raises:
        KeyboardInterrupt: somebody asked to end, before or meanwhile, even if ``work`` took no notice.
    """
    asked = _current
    if asked.times:
        work.close()
        raise KeyboardInterrupt
    try:
        result = asyncio.run(asked.guarded(work))
    except asyncio.CancelledError:
        if asked.times:
            raise KeyboardInterrupt from None
        raise
    if asked.times:
        raise KeyboardInterrupt
    return result
