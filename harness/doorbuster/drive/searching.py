"""Hypothesis as a searcher inside a run: quiet, without files, blocking in a thread while the shop's loop goes on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, settings

T = TypeVar("T")
# Runs a coroutine in the loop of the shop, from the thread in which Hypothesis lives.
Await = Callable[[Coroutine[Any, Any, Any]], Any]


class TimeIsUp(BaseException):
    """No more shrinking. Not an Exception, so that Hypothesis lets it through."""


def search_settings(examples: int, **more: Any) -> settings:
    """Draw so many examples, and shrink what fails; ``more`` are settings of Hypothesis."""
    return settings(
        max_examples=examples, deadline=None, database=None, print_blob=False, report_multiple_bugs=False,
        verbosity=Verbosity.quiet, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        **more,
    )  # fmt: skip


async def search_beside(search: Callable[[Await], T]) -> T:
    """The result of ``search``, which blocks in a thread of its own, and has coroutines run in this loop meanwhile.

    Where this is cancelled, the next that the search asks for is KeyboardInterrupt, which ends it.
    """
    loop = asyncio.get_running_loop()
    stopped = False

    def wait_for(step: Coroutine[Any, Any, Any]) -> Any:
        if stopped:
            step.close()
            raise KeyboardInterrupt
        return asyncio.run_coroutine_threadsafe(step, loop).result()

    try:
        return await asyncio.to_thread(search, wait_for)
    finally:
        stopped = True
