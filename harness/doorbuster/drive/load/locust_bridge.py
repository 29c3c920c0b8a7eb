"""Between Locust, which lives in greenlets, and the asyncio engine, which lives in a native thread.

Importing locust patches the standard library for gevent, so only the Locust file imports this. The engine runs uvloop
in a thread started behind gevent's back; finished orders come over in batches, through a queue and one watcher.
"""

import asyncio
import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import gevent.monkey
import uvloop
from gevent.event import Event
from gevent.hub import get_hub
from locust import User, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from doorbuster.drive.load.engine import Done, LoadEngine
from doorbuster.drive.load.plan import EVENTS_VARIABLE, PLAN_VARIABLE, Plan, read_plan

REPORT_S = 0.2
# A patched threading.Thread would be a greenlet.
_start_native_thread: Callable[..., Any] = gevent.monkey.get_original("_thread", "start_new_thread")


class Bridge:
    """Starts the engine once all buyers have been spawned, and turns what it reports into Locust's statistics."""

    def __init__(self, environment: Environment, plan: Plan, tell: Callable[[dict[str, Any]], None]) -> None:
        self._environment = environment
        self._plan = plan
        self._tell = tell
        self._joined = 0
        self._done: deque[Done] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: LoadEngine | None = None
        self._wake = get_hub().loop.async_()
        self._wake.start(self._report)
        self.finished = Event()
        self.failure: str | None = None

    def join(self) -> None:
        """One more buyer is there; the last one opens the shop."""
        self._joined += 1
        runner = self._environment.runner
        if self._joined == (runner.target_user_count if runner else self._plan.workload.buyers):
            self._plan = replace(self._plan, workload=replace(self._plan.workload, buyers=self._joined))
            _start_native_thread(self._run, ())

    def stop(self) -> None:
        """End the arrivals; :attr:`finished` is set when the last answer is in."""
        loop, engine = self._loop, self._engine
        if loop is not None and engine is not None and not loop.is_closed():
            loop.call_soon_threadsafe(engine.stop)
        else:
            self.finished.set()

    def _run(self) -> None:
        """The native thread: nothing here may touch a greenlet, only the queue and the watcher."""
        try:
            loop = uvloop.new_event_loop()
            try:
                loop.run_until_complete(self._drive())
            finally:
                loop.close()
        except BaseException as problem:
            self.failure = f"{type(problem).__name__}: {problem}"
        self._loop = None
        self._tell({"event": "finished", "failure": self.failure})
        self._done.append(_LAST)
        self._wake.send()

    async def _drive(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = engine = LoadEngine(self._plan, self._done.append, self._started)
        reporter = asyncio.ensure_future(self._keep_reporting(engine))
        try:
            await engine.run()
        finally:
            reporter.cancel()
            self._tell_progress(engine)

    def _started(self, start_us: int) -> None:
        self._tell({"event": "started", "start_us": start_us})

    async def _keep_reporting(self, engine: LoadEngine) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            self._tell_progress(engine)
            self._wake.send()

    def _tell_progress(self, engine: LoadEngine) -> None:
        outcomes = {str(outcome): n for outcome, n in engine.outcomes.items()}
        self._tell({"event": "progress", "done": engine.done, "total": engine.total, "outcomes": outcomes})

    def _report(self) -> None:
        """In Locust's thread: hand over what has finished. "Sold out" is an answer like any other, not a failure."""
        while self._done:
            done = self._done.popleft()
            if done is _LAST:
                self.finished.set()
                gevent.spawn(self._quit)
                return
            good = done.outcome in ("ok", "sold_out", "refused")
            self._environment.events.request.fire(  # type: ignore[no-untyped-call]
                request_type="order", name=f"{done.phase} {done.outcome}", response_time=done.latency_ms,
                response_length=0, exception=None if good else RuntimeError(done.outcome), context={},
            )  # fmt: skip

    def _quit(self) -> None:
        if self._environment.web_ui is None and self._environment.runner is not None:
            self._environment.runner.quit()


_LAST = Done("", 0.0, "")
_bridges: dict[int, Bridge] = {}


class Buyer(User):
    """A place at the counter: the engine does the ordering, this greenlet only stands for it in Locust's count."""

    def on_start(self) -> None:
        """Join the others."""
        _bridges[id(self.environment)].join()

    @task
    def shop(self) -> None:
        """Wait until the shop closes."""
        _bridges[id(self.environment)].finished.wait()
        raise gevent.GreenletExit

    def on_stop(self) -> None:
        """When a person presses stop: no new orders, and wait for those in flight."""
        bridge = _bridges[id(self.environment)]
        bridge.stop()
        bridge.finished.wait(timeout=30)


def install(by_hand: Callable[[], Path]) -> None:
    """Set Locust up for the plan that the environment names, or else for the one that ``by_hand`` prepares."""

    @events.init.add_listener  # type: ignore[untyped-decorator]
    def on_init(environment: Environment, **_: Any) -> None:
        if isinstance(environment.runner, WorkerRunner):
            raise SystemExit("doorbuster: orders are not spread over Locust workers yet; run one process")
        named = os.environ.get(PLAN_VARIABLE)
        plan = read_plan(Path(named) if named else by_hand())
        options = environment.parsed_options
        if options is not None:  # what the person did not say; the web page's form starts with it, too
            options.num_users = options.num_users or plan.workload.buyers
            options.spawn_rate = options.spawn_rate or options.num_users
        tests = itertools.count()

        @environment.events.test_start.add_listener  # type: ignore[untyped-decorator]
        def on_test_start(**_: Any) -> None:
            # From the web page a person can start again: other orders, and journals of their own.
            number = next(tests)
            again = replace(plan, seed=plan.seed + number, part=number)
            _bridges[id(environment)] = Bridge(environment, again, _teller())


def _teller() -> Callable[[dict[str, Any]], None]:
    """How the engine's events reach the process that started this one: JSON lines on a pipe, if there is one."""
    descriptor = os.environ.get(EVENTS_VARIABLE)
    if descriptor is None:
        return _complain_only
    pipe = int(descriptor)
    return lambda event: _write(pipe, event)


def _write(pipe: int, event: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(event).encode() + b"\n")


def _complain_only(event: dict[str, Any]) -> None:
    if event.get("failure"):
        sys.stderr.write(f"doorbuster: {event['failure']}\n")
