"""Runs the tests of ``test_buyer.py`` over Locust's fast HTTP client, as a load does: greenlets in this thread, the
buyers' loop in a native one. A process of its own, as importing locust patches the standard library; a line a test.

    python -m tests.drive.http.over_locust
"""

import inspect
import itertools
import os
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gevent.monkey
import uvloop
from doorbuster.drive.load.fast_http import Errands, FastHttpLine  # patches, and must come first
from gevent.event import Event
from gevent.hub import get_hub

from tests.drive.http import test_buyer

LONGEST_S = 120


def tests() -> Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]:
    """Every test with every set of its parameters."""
    for name, test in vars(test_buyer).items():
        if not (name.startswith("test_") and inspect.iscoroutinefunction(test)):
            continue
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for values in itertools.product(*(list(_sets(*mark.args)) for mark in marks)):
            yield name, test, {key: value for one in values for key, value in one.items()}


def _sets(names: str | tuple[str, ...], values: list[Any]) -> Iterator[dict[str, Any]]:
    for value in values:
        yield {names: value} if isinstance(names, str) else dict(zip(names, value, strict=True))


def main() -> int:
    """How many tests failed."""
    test_buyer.LINE = partial(FastHttpLine, Errands())
    failed: list[str] = []
    done, wake = Event(), get_hub().loop.async_()
    wake.start(done.set)

    def run() -> None:
        try:
            for name, test, parameters in tests():
                try:
                    uvloop.run(test(**parameters))
                    print("passed", name, parameters, flush=True)
                except BaseException:
                    failed.append(name)
                    print("failed", name, parameters, traceback.format_exc(), flush=True)
        finally:
            wake.send()

    gevent.monkey.get_original("_thread", "start_new_thread")(run, ())
    if not done.wait(LONGEST_S):
        print("failed: hangs", flush=True)
        return 1
    return len(failed)


if __name__ == "__main__":
    os._exit(min(main(), 100))
