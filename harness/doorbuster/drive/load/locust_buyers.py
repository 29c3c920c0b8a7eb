"""Locust's side of a load: its users, and what happens when it starts."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment

from doorbuster.drive.load.locust_bridge import Tell
from doorbuster.drive.load.locust_roles import Role, role_of
from doorbuster.drive.load.plan import EVENTS_VARIABLE, PLAN_VARIABLE, STOP_SIGNAL, Plan, read_plan

STOP_S = 30
_roles: dict[int, Role] = {}


class Buyer(User):
    """A place at the counter: the engine does the ordering, this greenlet only stands for it in Locust's count."""

    def on_start(self) -> None:
        """Join the others."""
        _roles[id(self.environment)].join()

    @task
    def shop(self) -> None:
        """Wait until the shop closes."""
        _roles[id(self.environment)].wait()
        raise gevent.GreenletExit

    def on_stop(self) -> None:
        """When a person presses stop: no new orders, and wait for those in flight."""
        role = _roles[id(self.environment)]
        role.stop()
        role.wait(STOP_S)


def install(by_hand: Callable[[], Path]) -> None:
    """Set Locust up for the plan that the environment names, or else for the one that ``by_hand`` prepares."""

    @events.init.add_listener  # type: ignore[untyped-decorator]
    def on_init(environment: Environment, **_: Any) -> None:
        def plan() -> Plan:
            named = os.environ.get(PLAN_VARIABLE)
            found = read_plan(Path(named) if named else by_hand())
            options = environment.parsed_options
            if options is not None:  # what the person did not say; the web page's form starts with it, too
                options.num_users = options.num_users or found.workload.buyers
                options.spawn_rate = options.spawn_rate or options.num_users
            return found

        role = role_of(environment, plan, _teller())
        _roles[id(environment)] = role
        gevent.signal_handler(STOP_SIGNAL, role.stop)
        environment.events.test_start.add_listener(lambda **_: role.begin())  # type: ignore[no-untyped-call]


def _teller() -> Tell:
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
    if event["event"] in ("lost", "aborted"):
        sys.stderr.write(f"doorbuster: {event}\n")
