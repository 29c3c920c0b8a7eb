"""The bars on a terminal while a scenario is under way."""

from io import StringIO

import pytest
from doorbuster.model.events import Progress
from doorbuster.model.live import LiveState
from doorbuster.report.console_progress import Bars
from rich.console import Console


def shown(event: Progress) -> str:
    out = StringIO()
    bars = Bars(Console(file=out, force_terminal=True, width=400, color_system=None))
    bars.start(1)
    bars.begin(event.scenario)
    bars.advance(event)
    bars.stop()
    return out.getvalue()


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (LiveState(9, 12, 88), "12 units sold, 88 in stock, 1 unknown, violations: none"),
        (LiveState(9, 12, 88, {"oversold": 2}), "violations: oversold 2"),
        (
            LiveState(9, 12, 88, left_to_the_end=("conservation", "duplicate_order")),
            "violations: none; only at the end: conservation, duplicate_order",
        ),
    ],
)
def test_the_live_line_says_what_the_log_shows_and_which_checks_wait_for_the_end(live: LiveState, told: str) -> None:
    assert told in shown(Progress("load", 9, 100, {"ok": 8, "unknown": 1}, live=live))


def test_without_live_judging_nothing_is_said_of_the_log() -> None:
    assert "by the log" not in shown(Progress("load", 9, 100, {"ok": 9}))
