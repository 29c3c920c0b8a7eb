"""``report.html``: one file that a person can read without the tool, the network, or scripts.

It may show text that a stranger put into a database, so nothing in it is trusted: every value is escaped, and a
content security policy allows exactly this file's own style and scripts, by hash, and nothing to be loaded.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from doorbuster.host.resources import resource
from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.report import story, text, verdict
from doorbuster.report.chart import Timeline, drawing, timeline
from doorbuster.report.files import write_atomically
from doorbuster.report.lanes import lanes
from doorbuster.report.places import place_of, shown_path
from doorbuster.report.story import Texts
from doorbuster.report.strip import legend, strips

NAME = "report.html"
_STYLES = ("uplot/uPlot.min.css", "report.css")
_SCRIPTS = ("uplot/uPlot.iife.min.js", "report.js")


class HtmlReport:
    """Writes ``report.html`` into the run's folder."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def on(self, event: Event) -> None:
        """Write when the run is over."""
        if isinstance(event, RunFinished):
            write_atomically(event.folder / NAME, as_html(event.result, self._texts))


def as_html(result: RunResult, texts: Texts) -> str:
    """The run as a self-contained document."""
    style = Markup("\n".join(_asset(name) for name in _STYLES))
    scripts = [Markup(_asset(name)) for name in _SCRIPTS]
    lines = [timeline(scenario) for scenario in result.scenarios]
    return _environment().get_template("report.html.j2").render(
        result=result,
        place_of={name: place for name in texts if (place := place_of(result, name))},
        texts=texts,
        headline=verdict.headline(result),
        sentence=verdict.sentence(result),
        failures=story.by_subject(story.failures(result, texts)),
        gaps=[gap for gap in story.gaps(result) if gap.required],
        unexercised=story.unexercised(result),
        relaxed=story.relaxed(result),
        scenarios=[_scenario(s, line) for s, line in zip(result.scenarios, lines, strict=True)],
        chart_data=data_block([line and line.as_json() for line in lines]),
        style=style,
        scripts=scripts,
        policy=_policy([style], scripts),
    )  # fmt: skip


def _scenario(scenario: ScenarioResult, line: Timeline | None) -> dict[str, Any]:
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
        "shares": _shares(scenario.outcomes),
        "details": {
            name: {"facts": value, "strips": strips(value), "legend": legend(value)}
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


def data_block(value: object) -> Markup:
    """``value`` as JSON that cannot leave its ``<script type="application/json">``, whatever text it holds."""
    encoded = json.dumps(value)
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)


def _asset(name: str) -> str:
    content = resource(f"reports/assets/{name}").read_text(encoding="utf-8")
    if "</script" in content.lower() or "</style" in content.lower():
        raise ValueError(f"the asset {name} would end its own element; it cannot be inlined")
    return content


def _policy(styles: list[Markup], scripts: list[Markup]) -> str:
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(contents: list[Markup]) -> str:
    digests = (hashlib.sha256(content.encode("utf-8")).digest() for content in contents)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _environment() -> jinja2.Environment:
    folder = resource("reports/templates/report.html.j2").parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        ms=text.milliseconds,
        seconds=text.seconds,
        number=text.number,
        value=text.value_text,
        label=text.label,
        count=text.count,
        words=text.row_in_words,
        example=story.example_of,
        replay=_replay,
        threshold_value=story.threshold_value,
        columns=_columns,
        rows_only=_is_rows,
        lanes=lanes,
        path=lambda file: shown_path(file) or file,
    )
    environment.globals.update(words_of=verdict.WORDS, symbol_of=verdict.SYMBOLS, Verdict=Verdict, dash=text.NONE)
    return environment


def _shown(value: object) -> object:
    """What the template prints: foreign text with its control characters visible; our own markup as it is."""
    return text.clean_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _replay(scenario: ScenarioResult, check: CheckResult | None = None) -> str:
    return story.replay_command(scenario, check.replay if check else None)


def _columns(rows: tuple[dict[str, object], ...]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _is_rows(value: object) -> bool:
    """Whether ``value`` is a table: a list of objects."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, dict) for row in value)
