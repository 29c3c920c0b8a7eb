"""The options of what happens beside a load: judged while it goes on, watched in a browser."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from doorbuster.engine.stage import StageOptions

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--live", is_flag=True, help="Judge oversold, conservation and duplicate_order from the log while a "
                 "load goes on, and show units sold, stock and violations so far."),
    click.option("--stop-on-violation", is_flag=True, help="As --live, and end the load at the first violation."),
)  # fmt: skip


def live_options(command: Command) -> Command:
    """Decorates a command that drives loads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def stage_options(options: Mapping[str, Any], **more: Any) -> StageOptions:
    """What these options wish, and ``more``."""
    return StageOptions(live=options["live"], stop_on_violation=options["stop_on_violation"], **more)
