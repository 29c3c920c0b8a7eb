"""What a Locust process does in a load: alone, as the master of several, or as one of the workers.

    worker                                      master
    hello (host, process)             →
                                      ←         plan (its share of the timetable), or nothing to do
    clock, a few times                ←→        clock
    ready (its clock)                 →
                                      ←         go, at an instant by its own clock
    progress (with HDR histograms)    →
    clock again; pieces of history    ←→
    finished                          →         one report of all, then quit

Locust's own messages run beside these: they spawn the buyers, and say who is missing.
"""

import itertools
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from doorbuster.config.thresholds import parse_threshold
from doorbuster.drive.load import shipping
from doorbuster.drive.load.crew import Crew
from doorbuster.drive.load.live import LiveFigures
from doorbuster.drive.load.locust_bridge import REPORT_S, Bridge, Tell, aborted
from doorbuster.drive.load.plan import ANY_HOST, EVENTS_VARIABLE, SERIES, Plan, parse_plan
from doorbuster.host.clock import now_us
from doorbuster.host.process_table import ProcessId, identify, is_alive, this_boot
from doorbuster.model.clock import Clock, drifted, measured

LEAD_S = 0.5
EXCHANGES = 9
ANSWER_S = 30.0
_HELLO, _PLAN, _CLOCK, _READY, _GO, _STOP, _PROGRESS, _PIECE, _FINISHED = (
    f"doorbuster_{word}" for word in ["hello", "plan", "clock", "ready", "go", "stop", "progress", "piece", "finished"]
)


class Alone:
    """One process does it all."""

    def __init__(self, environment: Environment, plan: Plan, tell: Tell) -> None:
        self._environment = environment
        self._plan = plan
        self._tell_all = tell
        self._tests = itertools.count()
        self._bridge: Bridge | None = None
        self._joined = 0

    def begin(self) -> None:
        """A test starts. From the web page a person can start again: other orders, and journals of their own."""
        number = next(self._tests)
        again = replace(self._plan, seed=self._plan.seed + number, part=number * SERIES)
        self._bridge, self._joined = Bridge(self._environment, again, self._tell), 0

    def join(self) -> None:
        """One more buyer is there; the last one opens the shop."""
        assert self._bridge is not None
        runner = self._environment.runner
        self._joined += 1
        if runner is None or self._joined >= runner.target_user_count:
            self._bridge.begin(self._joined)

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the shop closes."""
        assert self._bridge is not None
        self._bridge.finished.wait(timeout=timeout_s)

    def stop(self) -> None:
        """A person presses stop: no new orders."""
        if self._bridge is not None:
            self._bridge.stop()

    def _tell(self, event: dict[str, Any]) -> None:
        self._tell_all(event)
        if event["event"] == "finished" and _ends_with_its_load(self._environment):
            gevent.spawn(_quit, self._environment)


class Master:
    """Hands out the shares of a plan, merges what the workers tell, and collects their histories."""

    def __init__(self, environment: Environment, plan: Plan, tell: Tell) -> None:
        assert isinstance(environment.runner, MasterRunner)
        self._environment = environment
        self._runner = environment.runner
        self._plan = plan
        self._tell = tell
        self._tests = itertools.count()
        self._crew = Crew(0)
        self._failure: str | None = None
        self._start_us = 0
        self._series = 0
        self._mark = ""
        self._outcomes: dict[str, dict[str, int]] = {}
        self._totals: dict[str, int] = {}
        self._figures = LiveFigures()
        self._thresholds = [parse_threshold(t) for t in plan.thresholds]
        for kind, listener in (
            (_HELLO, self._hello), (_CLOCK, self._clock), (_READY, self._ready), (_PROGRESS, self._progress),
            (_PIECE, self._piece), (_FINISHED, self._finished),
        ):  # fmt: skip
            self._runner.register_message(kind, listener)
        if environment.web_ui is None:
            gevent.spawn(self._tell_of_waiting)

    def begin(self) -> None:
        """A test starts: as many workers as there are take part, if there are buyers for all of them."""
        self._series = next(self._tests)
        self._crew = Crew(min(self._runner.worker_count, self._runner.target_user_count))
        self._failure, self._start_us, self._outcomes, self._totals = None, 0, {}, {}
        self._figures = LiveFigures()
        self._mark = shipping.leave_mark(Path(self._plan.record))
        gevent.spawn(self._watch, self._crew)

    def join(self) -> None:
        """No buyer is ever on the master."""

    def wait(self, timeout_s: float | None = None) -> None:
        """See :meth:`join`."""

    def stop(self) -> None:
        """End the arrivals everywhere."""
        for worker in self._crew.alive:
            self._send(_STOP, {}, worker.client)

    def _tell_of_waiting(self) -> None:
        expected = self._environment.parsed_options.expect_workers if self._environment.parsed_options else 0
        while not self._crew.size:
            self._tell({"event": "waiting", "have": self._runner.worker_count, "of": expected})
            gevent.sleep(1)

    def _send(self, kind: str, data: dict[str, Any], client: str) -> None:
        self._runner.send_message(kind, data, client)

    def _hello(self, msg: Any, **_: Any) -> None:
        told = ProcessId(*msg.data["process"])
        # Another container's processes have numbers of their own.
        process = told if identify(told.pid) == told else None
        worker = self._crew.join(msg.node_id, msg.data["host"], process, time.monotonic())
        if worker is None:
            self._send(_PLAN, {}, msg.node_id)
            return
        series = self._series
        share = replace(
            self._plan, seed=self._plan.seed + series, part=series * SERIES + worker.number,
            share=(worker.number, self._crew.size), thresholds=(),
        )  # fmt: skip
        self._send(_PLAN, {"plan": share.text(), "mark": self._mark, "boot": this_boot()}, msg.node_id)

    def _clock(self, msg: Any, **_: Any) -> None:
        self._crew.heard(msg.node_id, time.monotonic())
        self._send(_CLOCK, {"sent": msg.data["sent"], "at": now_us()}, msg.node_id)

    def _ready(self, msg: Any, **_: Any) -> None:
        worker = self._crew.heard(msg.node_id, time.monotonic())
        if worker is not None:
            worker.is_ready, worker.buyers, worker.clock = True, msg.data["buyers"], Clock(*msg.data["clock"])
        if self._crew.is_ready and not self._start_us:
            self._start_us = now_us() + int(LEAD_S * 1e6)
            for one in self._crew.alive:
                self._send(_GO, {"start_us": self._start_us - one.clock.offset_us}, one.client)
            self._tell({"event": "started", "start_us": self._start_us})

    def _progress(self, msg: Any, **_: Any) -> None:
        worker = self._crew.heard(msg.node_id, time.monotonic())
        if worker is None:
            return
        self._outcomes[worker.client] = msg.data["outcomes"]
        self._totals[worker.client] = msg.data["total"]
        self._figures.merge(msg.data["figures"])

    def _piece(self, msg: Any, **_: Any) -> None:
        if self._crew.heard(msg.node_id, time.monotonic()) is None:
            return
        try:
            shipping.store(Path(self._plan.record), msg.data)
        except (ValueError, OSError) as problem:
            self._failure = self._failure or f"the history of {msg.node_id}: {problem}"
        self._send(_PIECE, {}, msg.node_id)

    def _finished(self, msg: Any, **_: Any) -> None:
        worker = self._crew.heard(msg.node_id, time.monotonic())
        if worker is not None:
            worker.is_done, worker.clock = True, Clock(*msg.data["clock"])
            self._failure = self._failure or msg.data["failure"]
            if msg.data["failure"]:
                self.stop()

    def _watch(self, crew: Crew) -> None:
        """Until all are done or dead: look who died, tell how far it is, end the load where a threshold is broken."""
        while not crew.is_over:
            gevent.sleep(REPORT_S)
            for dead in crew.bury(time.monotonic(), is_alive):
                self._tell({"event": "lost", "worker": dead.number, "why": dead.why_dead})
            if not crew.is_ready and len(crew.alive) < len(crew.workers):
                self._failure = "a worker ended before the load began"
                self.stop()
                break
            self._tell(self._whole_progress())
            self._abort_if_broken()
        self._tell(self._whole_progress())
        self._tell({"event": "workers", "series": self._series, "workers": self._report(crew)})
        shipping.remove_mark(Path(self._plan.record))
        self._tell({"event": "finished", "failure": self._failure})
        if _ends_with_its_load(self._environment):
            _quit(self._environment)

    def _report(self, crew: Crew) -> list[dict[str, Any]]:
        """The crew's, with instants of the wall clock."""
        at_us, at_s = now_us(), time.monotonic()
        return [
            {**told, "ended_us": None if told["ended_s"] is None else at_us - int((at_s - told["ended_s"]) * 1e6)}
            for told in crew.report()
        ]

    def _whole_progress(self) -> dict[str, Any]:
        outcomes: Counter[str] = Counter()
        for told in self._outcomes.values():
            outcomes.update(told)
        p50, p99 = (self._figures.percentile_ms(p) for p in (50, 99))
        return {
            "event": "progress", "done": sum(outcomes.values()), "total": sum(self._totals.values()),
            "outcomes": dict(outcomes), "p50_ms": p50, "p99_ms": p99,
        }  # fmt: skip

    def _abort_if_broken(self) -> None:
        at_s = (now_us() - self._start_us) / 1e6 if self._start_us else 0.0
        found = self._figures.broken(self._thresholds, at_s)
        if found is not None:
            self._thresholds = []
            self._tell(aborted(*found, at_s))
            self.stop()


class Apprentice:
    """A worker: does the share that the master hands it, and hands its history over."""

    def __init__(self, environment: Environment) -> None:
        assert isinstance(environment.runner, WorkerRunner)
        self._environment = environment
        self._runner = environment.runner
        self._bridge: Bridge | None = None
        self._joined = 0
        self._has_all_buyers = False
        self._answers: dict[str, AsyncResult] = {}
        self._clock = Clock()
        self._has_same_clock = True
        self._is_over = Event()
        self._ships: tempfile.TemporaryDirectory[str] | None = None
        for kind, listener in (
            (_PLAN, self._answered), (_CLOCK, self._answered), (_PIECE, self._answered), (_GO, self._go),
            (_STOP, self._stop),
        ):  # fmt: skip
            self._runner.register_message(kind, listener)
        environment.events.spawning_complete.add_listener(self._spawned)  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """A test starts: ask for a plan."""
        self._joined, self._bridge, self._is_over, self._has_all_buyers = 0, None, Event(), False
        gevent.spawn(self._take_part)

    def join(self) -> None:
        """One more buyer is there; Locust's master says when all are."""
        self._joined += 1

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the shop closes."""
        self._is_over.wait(timeout=timeout_s)

    def stop(self) -> None:
        """No new orders."""
        if self._bridge is not None:
            self._bridge.stop()

    def _take_part(self) -> None:
        me = identify(os.getpid()) or ProcessId(os.getpid(), "")
        told = self._ask(_HELLO, {"host": os.uname().nodename, "process": (me.pid, me.mark)}, _PLAN)
        if not told:
            self._is_over.set()
            return
        plan = parse_plan(told["plan"])
        # Containers and network namespaces of one machine share its clock.
        self._has_same_clock = told["boot"] == this_boot() != ""
        self._clock = self._measured()
        if not shipping.sees_mark(Path(plan.record), told["mark"]):
            self._ships = tempfile.TemporaryDirectory(prefix="doorbuster-worker-")
            plan = replace(plan, record=self._ships.name)
        host = self._runner.master_host
        target, backstage = (replace(t, host=host if t.host == ANY_HOST else t.host)
                             for t in (plan.target, plan.backstage))  # fmt: skip
        self._bridge = Bridge(
            self._environment, replace(plan, target=target, backstage=backstage), self._tell, waits=True
        )
        self._begin_when_complete()

    def _spawned(self, **_: Any) -> None:
        self._has_all_buyers = True
        self._begin_when_complete()

    def _begin_when_complete(self) -> None:
        """Called when the plan has come, and when Locust says that all buyers have been spawned; the later counts."""
        if self._bridge is not None and self._has_all_buyers:
            self._bridge.begin(self._joined)

    def _go(self, msg: Any, **_: Any) -> None:
        if self._bridge is not None:
            self._bridge.go(msg.data["start_us"])

    def _stop(self, **_: Any) -> None:
        self.stop()

    def _tell(self, event: dict[str, Any]) -> None:
        assert self._bridge is not None
        match event["event"]:
            case "connected":
                self._send(_READY, {"buyers": self._joined, "clock": _pair(self._clock)})
            case "progress":
                self._send(_PROGRESS, {**event, "figures": self._bridge.take_figures()})
            case "finished":
                gevent.spawn(self._hand_over, event["failure"])

    def _hand_over(self, failure: str | None) -> None:
        """Measure the clock again, ship the history where the master does not see it, and say that we are done."""
        clock = drifted(self._clock, self._measured())
        if self._ships is not None:
            for piece in shipping.pieces(Path(self._ships.name)):
                self._ask(_PIECE, piece, _PIECE)
            self._ships.cleanup()
        self._send(_FINISHED, {"failure": failure, "clock": _pair(clock)})
        self._is_over.set()

    def _measured(self) -> Clock:
        """The master's clock, seen from here; on one machine there is but one."""
        if self._has_same_clock:
            return Clock()
        exchanges = []
        for _ in range(EXCHANGES):
            sent = now_us()
            answer = self._ask(_CLOCK, {"sent": sent}, _CLOCK)
            exchanges.append((sent, int(answer["at"]), now_us()))
        return measured(exchanges)

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        self._runner.send_message(kind, data)

    def _ask(self, kind: str, data: dict[str, Any], answer: str) -> dict[str, Any]:
        """Send, and wait for the one answer. Raises gevent.Timeout where the master does not answer."""
        waiting = self._answers[answer] = AsyncResult()
        self._send(kind, data)
        found: dict[str, Any] = waiting.get(timeout=ANSWER_S)
        return found

    def _answered(self, msg: Any, **_: Any) -> None:
        waiting = self._answers.pop(msg.type, None)
        if waiting is not None:
            waiting.set(msg.data)


Role = Alone | Master | Apprentice


def role_of(environment: Environment, plan: Callable[[], Plan], tell: Tell) -> Role:
    """What this process is; ``plan`` is asked for by whoever hands it out."""
    if isinstance(environment.runner, WorkerRunner):
        return Apprentice(environment)
    if isinstance(environment.runner, MasterRunner):
        return Master(environment, plan(), tell)
    return Alone(environment, plan(), tell)


def _pair(clock: Clock) -> tuple[int, int]:
    return clock.offset_us, clock.error_us


def _ends_with_its_load(environment: Environment) -> bool:
    """Whether a run waits for it; a page that a person opened stays, so that they can start again."""
    return environment.web_ui is None or EVENTS_VARIABLE in os.environ


def _quit(environment: Environment) -> None:
    if environment.runner is not None:
        environment.runner.quit()
    if environment.web_ui is not None:  # with a page, that is not the end of the process
        os.kill(os.getpid(), signal.SIGTERM)
