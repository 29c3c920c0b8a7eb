"""The options of commands that drive loads, beside the loads themselves: judged meanwhile, and compared afterwards."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from doorbuster.engine.stage import StageOptions

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--live", is_flag=True, help="Judge oversold, conservation and duplicate_order from the log while a "
                 "load goes on, and show units sold, stock and violations so far."),
    click.option("--stop-on-violation", is_flag=True, help="As --live, and end the load at the first violation."),
    click.option("--web", is_flag=True, help="Locust's own page is up while the load goes on, on a random port of the "
                 "loopback interface, which is printed."),
    click.option("--waits", is_flag=True, help="Sample what the server's sessions wait for, 50 times a second, so that "
                 "the report can say where the time goes."),
    click.option("--baseline", type=click.Path(path_type=Path), metavar="RUN|FILE", help="Compare latencies with an "
                 "earlier run's: its folder, or its baseline.json."),
    click.option("--against", multiple=True, metavar="THRESHOLD", help="With --baseline: 'p99 < baseline * 1.2', "
                 "'p50 < baseline * 1.1 + 5ms in steady'; broken: exit 5. May be given again."),
)  # fmt: skip


def live_options(command: Command) -> Command:
    """Decorates a command that drives loads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def stage_options(options: Mapping[str, Any], **more: Any) -> StageOptions:
    """What these options wish, and ``more``."""
    names = ("live", "stop_on_violation", "web", "waits")
    return StageOptions(**{**{name: options[name] for name in names}, **more})
