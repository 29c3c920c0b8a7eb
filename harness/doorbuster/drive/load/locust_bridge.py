"""Between Locust, which lives in greenlets, and the asyncio engine, which lives in a native thread.

Importing locust patches the standard library for gevent, so only the Locust file imports this. The engine runs uvloop
in a thread started behind gevent's back; finished orders come over in batches, through a queue and one watcher.
"""

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gevent
import gevent.monkey
import uvloop
from gevent.event import Event
from gevent.hub import get_hub
from locust.env import Environment

from doorbuster.config.thresholds import parse_threshold
from doorbuster.drive.load.engine import LEAD_S, LoadEngine
from doorbuster.drive.load.fast_http import Errands, FastHttpLine
from doorbuster.drive.load.live import Done, LiveFigures
from doorbuster.drive.load.locust_counts import count_in_locust
from doorbuster.drive.load.plan import Plan
from doorbuster.host.clock import now_us

REPORT_S = 0.2
GARBAGE = (20_000, 20, 50)
# A patched threading.Thread would be a greenlet.
_start_native_thread: Callable[..., Any] = gevent.monkey.get_original("_thread", "start_new_thread")
Tell = Callable[[dict[str, Any]], None]


class Bridge:
    """Drives a plan in a thread of its own; what comes of it is told, and counted in Locust's statistics.

    ``tell`` is called in Locust's thread with one event after another: ``connected``, ``started`` (unless ``waits``),
    ``progress``, ``aborted``, and at last ``finished``. One that ``waits`` opens its shop when :meth:`go` says so.
    """

    def __init__(self, environment: Environment, plan: Plan, tell: Tell, *, waits: bool = False) -> None:
        self._environment = environment
        self._plan = plan
        self._tell = tell
        self._waits = waits
        self._has_begun = False
        self._done: deque[Done] = deque()
        self._events: deque[dict[str, Any]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: LoadEngine | None = None
        self._opening: asyncio.Future[int] | None = None
        self._start_us = 0
        self._figures = LiveFigures()
        self._thresholds = [parse_threshold(t) for t in plan.thresholds]
        self._wake = get_hub().loop.async_()
        self._wake.start(self._report)
        self._line = partial(FastHttpLine, Errands())
        self.finished = Event()
        self.failure: str | None = None

    def begin(self, buyers: int) -> None:
        """Let so many buyers in; nothing happens the second time: whoever comes later finds no place."""
        if not self._has_begun:
            self._has_begun = True
            self._plan = replace(self._plan, workload=replace(self._plan.workload, buyers=buyers))
            _start_native_thread(self._run, ())

    def go(self, start_us: int) -> None:
        """Open at an instant of this machine's wall clock."""
        if self._loop is not None and self._opening is not None:
            self._loop.call_soon_threadsafe(self._opening.set_result, start_us)

    def stop(self) -> None:
        """End the arrivals; :attr:`finished` is set when the last answer is in."""
        loop, engine = self._loop, self._engine
        if loop is not None and engine is not None and not loop.is_closed():
            loop.call_soon_threadsafe(engine.stop)
        elif not self._has_begun:
            self.finished.set()

    def take_figures(self) -> dict[str, Any]:
        """What was counted since it was last taken."""
        return self._figures.take()

    def _run(self) -> None:
        """The native thread: nothing here may touch a greenlet, only the queues and the watcher."""
        try:
            loop = uvloop.new_event_loop()
            try:
                loop.run_until_complete(self._drive())
            finally:
                loop.close()
        except BaseException as problem:
            self.failure = f"{type(problem).__name__}: {problem}"
        self._loop = None
        self._put({"event": "finished", "failure": self.failure})

    async def _drive(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._opening = self._loop.create_future()
        self._engine = engine = LoadEngine(self._plan, self._done.append, self._release, self._line)
        reporter = asyncio.ensure_future(self._keep_reporting(engine))
        try:
            await engine.run()
        finally:
            reporter.cancel()
            self._put(_progress(engine))

    async def _release(self) -> int:
        # What is there now stays; looking through all of it again and again is what collecting garbage costs.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        self._put({"event": "connected"})
        if self._waits:
            assert self._opening is not None
            self._start_us = await self._opening
        else:
            self._start_us = now_us() + int(LEAD_S * 1e6)
            self._put({"event": "started", "start_us": self._start_us})
        return self._start_us

    async def _keep_reporting(self, engine: LoadEngine) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            self._put(_progress(engine))

    def _put(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        self._wake.send()

    def _report(self) -> None:
        """In Locust's thread: count what has finished, then tell what happened."""
        done = [self._done.popleft() for _ in range(len(self._done))]
        if done:
            count_in_locust(self._environment.stats, done)
            self._figures.add(done)
        while self._events:
            event = self._events.popleft()
            if event["event"] == "progress" and not self._waits:
                self._abort_if_broken()
                event["p50_ms"], event["p99_ms"] = (self._figures.percentile_ms(p) for p in (50, 99))
            self._tell(event)
            if event["event"] == "finished":
                self.finished.set()

    def _abort_if_broken(self) -> None:
        at_s = (now_us() - self._start_us) / 1e6
        found = self._figures.broken(self._thresholds, at_s)
        if found is not None:
            self._thresholds = []
            self._tell(aborted(*found, at_s))
            self.stop()


def aborted(threshold: Any, value: float, at_s: float) -> dict[str, Any]:
    """The event that a threshold has ended the load."""
    told = f"{value / threshold.display:.4g} after {at_s:.1f} s"
    return {"event": "aborted", "threshold": threshold.expression, "told": told}


def _progress(engine: LoadEngine) -> dict[str, Any]:
    outcomes = {str(outcome): n for outcome, n in engine.outcomes.items()}
    return {"event": "progress", "done": engine.done, "total": engine.total, "outcomes": outcomes}
