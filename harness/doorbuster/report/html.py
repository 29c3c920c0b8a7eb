"""``report.html``: one file that a person can read without the tool, the network, or scripts.

It may show text that a stranger put into a database, so nothing in it is trusted: every value is escaped, and a
content security policy allows exactly this file's own style and scripts, by hash, and nothing to be loaded.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.report import story, text, verdict
from doorbuster.report.attempts import MOST, MOST_IN_ALL, attempt_columns
from doorbuster.report.chart import Timeline, drawing, timeline
from doorbuster.report.files import write_atomically
from doorbuster.report.lanes import lanes
from doorbuster.report.over_time import outcome_drawing, stock_drawing
from doorbuster.report.places import place_of, shown_path
from doorbuster.report.schedule import schedule_drawing
from doorbuster.report.story import Texts
from doorbuster.report.strip import legend, strips
from doorbuster.report.template import data_block, page

NAME = "report.html"
# The schedules that broke something are drawn where the failures are told.
FAILING = "failing"
_SCRIPTS = ("uplot/uPlot.iife.min.js", "report.js")


class HtmlReport:
    """Writes ``report.html`` into the run's folder."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def on(self, event: Event) -> None:
        """Write when the run is over."""
        if isinstance(event, RunFinished):
            write_atomically(event.folder / NAME, as_html(event.result, self._texts, event.folder))


def as_html(result: RunResult, texts: Texts, folder: Path | None = None) -> str:
    """The run as a self-contained document; what was recorded in ``folder`` gives it a timeline of the attempts."""
    lines = [timeline(scenario) for scenario in result.scenarios]
    most = min(MOST, MOST_IN_ALL // max(1, len(result.scenarios)))
    attempts = [attempt_columns(folder / s.name, most) if folder else None for s in result.scenarios]
    return page(
        "report.html.j2",
        _SCRIPTS,
        _FILTERS,
        result=result,
        place_of={name: place for name in texts if (place := place_of(result, name))},
        texts=texts,
        headline=verdict.headline(result),
        sentence=verdict.sentence(result),
        not_reached=verdict.not_reached(result),
        failures=story.by_subject(story.failures(result, texts)),
        gaps=[gap for gap in story.gaps(result) if gap.required],
        unexercised=story.unexercised(result),
        relaxed=story.relaxed_together(story.relaxed(result)),
        scenarios=[_scenario(*parts) for parts in zip(result.scenarios, lines, attempts, strict=True)],
        attempt_data=data_block(_cleaned(attempts)),
        chart_data=data_block([line and line.as_json() for line in lines]),
    )


def _cleaned(attempts: list[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    """The timelines' foreign text on one line each, control characters made visible."""
    return [told and {**told, "notes": [text.clean(note) for note in told["notes"]]} for told in attempts]


def _scenario(scenario: ScenarioResult, line: Timeline | None, attempts: dict[str, Any] | None) -> dict[str, Any]:
    p50, p99 = story.p50_and_p99(scenario)
    return {
        "result": scenario,
        "p50": p50,
        "p99": p99,
        "counts": story.check_counts(scenario),
        "faults": story.faults_of(scenario),
        "checks": sorted(scenario.checks, key=_worst_first),
        "drawing": drawing(line) if line else None,
        "log": bool(line and line.log),
        "attempts": attempts,
        "outcomes": outcome_drawing(scenario.outcomes_over_time),
        "stock": [stock_drawing(line, scenario.duration_s) for line in scenario.stock_over_time],
        "shares": _shares(scenario.outcomes),
        "details": {
            name: {
                "facts": {key: part for key, part in value.items() if key != FAILING},
                "strips": strips(value),
                "legend": legend(value),
            }
            for name in ("schedules", "cuts", "crashes")
            if (value := getattr(scenario, name))
        },
    }  # fmt: skip


_CHECK_ORDER = [
    CheckStatus.VIOLATED,
    CheckStatus.WARNING,
    CheckStatus.UNOBSERVABLE,
    CheckStatus.UNEXERCISED,
    CheckStatus.HOLDS,
    CheckStatus.OFF,
]


def _worst_first(check: CheckResult) -> int:
    return _CHECK_ORDER.index(check.status)


def _shares(outcomes: Mapping[str, int]) -> list[dict[str, Any]]:
    """The outcomes that occurred, with their places on a bar 1000 units long."""
    total, at, shares = sum(outcomes.values()), 0.0, []
    for name, amount in outcomes.items():
        if amount:
            width = 1000 * amount / total
            shares.append({"name": name, "amount": amount, "x": round(at, 2), "width": round(width, 2)})
            at += width
    return shares


def _replay(scenario: ScenarioResult, check: CheckResult | None = None) -> str:
    return story.replay_command(scenario, check.replay if check else None)


def _columns(rows: tuple[dict[str, object], ...]) -> list[str]:
    """The columns in which any row says something."""
    return list(dict.fromkeys(column for row in rows for column, value in row.items() if value is not None))


def _is_rows(value: object) -> bool:
    """Whether ``value`` is a table: a list of objects."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, dict) for row in value)


_FILTERS: dict[str, Callable[..., Any]] = {
    "example": story.example_of,
    "replay": _replay,
    "threshold_value": story.threshold_value,
    "columns": _columns,
    "rows_only": _is_rows,
    "lanes": lanes,
    "schedule_drawing": schedule_drawing,
    "path": lambda file: shown_path(file) or file,
}
