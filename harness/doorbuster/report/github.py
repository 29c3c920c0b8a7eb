"""GitHub Actions: a step summary, and a few annotations where a reviewer looks."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import RunResult
from doorbuster.report.places import place_of, shown_path
from doorbuster.report.story import (
    Failure,
    Gap,
    Texts,
    by_subject,
    check_counts,
    failures,
    faults,
    gaps,
    p50_and_p99,
    relaxed,
    relaxed_together,
)
from doorbuster.report.text import clean, count, outcomes_in_words, shortened, value_text
from doorbuster.report.verdict import SYMBOLS, WORDS, headline, not_reached, sentence

MAX_ANNOTATIONS = 10  # GitHub shows ten errors a step and drops the rest
_MAX_SUMMARY_BYTES = 1_000_000  # GitHub refuses a summary above 1 MiB
_MAX_ROWS = 5
_MARKDOWN = re.compile(r"[^\w\s.,;’“”–·-]|_", re.ASCII)


class GitHub:
    """Appends to ``$GITHUB_STEP_SUMMARY`` and prints annotations, each only where GitHub asks for it."""

    def __init__(self, texts: Texts, environ: Mapping[str, str], stdout: TextIO | None = None) -> None:
        self._texts = texts
        self._summary = environ.get("GITHUB_STEP_SUMMARY")
        self._annotate = environ.get("GITHUB_ACTIONS") == "true"
        self._stdout = stdout
        self._environ = environ

    def on(self, event: Event) -> None:
        """Write when the run is over."""
        if not isinstance(event, RunFinished):
            return
        if self._summary:
            with Path(self._summary).open("a", encoding="utf-8") as file:
                file.write(summary(event.result, self._texts))
        if self._annotate:
            for line in annotations(event.result, self._texts, self._environ):
                print(line, file=self._stdout or sys.stdout)


def annotations(result: RunResult, texts: Texts, environ: Mapping[str, str] = os.environ) -> list[str]:
    """At most ten ``::error`` commands, the last one saying what was left out.

    One a check, at the line of the shop's own file that it is about.
    """
    lines = [
        _error(_title(f, others), _message(f), _place(result, f, environ))
        for f, others in by_subject(failures(result, texts))
    ]
    lines += [_error(f"{g.subject} in {g.scenario}", f"{g.status}: {g.reason}") for g in gaps(result) if g.required]
    if len(lines) > MAX_ANNOTATIONS:
        rest = len(lines) - MAX_ANNOTATIONS + 1
        lines = [*lines[: MAX_ANNOTATIONS - 1], _error("doorbuster", f"{rest} more; see the step summary")]
    return lines


def _title(failure: Failure, others: tuple[Failure, ...]) -> str:
    more = f" and {count(len(others), 'more scenario')}" if others else ""
    return f"{failure.subject} in {failure.scenario}{more}" if failure.scenario else "doorbuster"


def _place(result: RunResult, failure: Failure, environ: Mapping[str, str]) -> str:
    """Where a reviewer should look, as the first properties of a command."""
    place = place_of(result, failure.subject) if failure.sort == "check" else None
    path = shown_path(place.file, environ) if place else None
    return f"file={_property(path)},line={place.line}," if place and path else ""


def _message(failure: Failure) -> str:
    found = count(failure.violations, "violation") if failure.sort == "check" else ""
    replay = f"replay: {failure.replay}" if failure.replay else ""
    return "\n".join(filter(None, [found, failure.claim, failure.example, replay]))


def _error(title: str, message: str, place: str = "") -> str:
    return f"::error {place}title={_property(title)}::{_data(shortened(message, 2000))}"


def _data(text: str) -> str:
    """A workflow command's message, escaped as the runner unescapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(clean(text)).replace(":", "%3A").replace(",", "%2C")


def escaped(text: str) -> str:
    """Foreign text in which neither Markdown nor HTML finds anything to interpret."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match.group())};", clean(text))


def summary(result: RunResult, texts: Texts) -> str:
    """The run as Markdown; cut at a line's end where GitHub would refuse it."""
    parts = [f"## {SYMBOLS[result.verdict]} Doorbuster: {headline(result)}", "", escaped(sentence(result)), ""]
    if missed := not_reached(result):
        parts += [escaped(f"{missed}."), ""]
    parts += _overview(result)
    for failure in failures(result, texts):
        parts += _failure(failure)
    parts += _gap_table([gap for gap in gaps(result) if gap.required])
    parts += _faults(result)
    parts += _relaxed(result)
    return _cut("\n".join([*parts, ""]))


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return [*lines, ""]


def _overview(result: RunResult) -> list[str]:
    rows = [
        [
            escaped(scenario.name),
            f"{SYMBOLS[scenario.verdict]} {WORDS[scenario.verdict]}",
            f"{scenario.orders:,}",
            escaped(outcomes_in_words(scenario.outcomes)),
            *p50_and_p99(scenario),
            check_counts(scenario),
        ]
        for scenario in result.scenarios
    ]
    return _table(["scenario", "verdict", "orders", "outcomes", "p50", "p99", "checks"], rows) if rows else []


def _failure(failure: Failure) -> list[str]:
    where = f" in {escaped(failure.scenario)}" if failure.scenario else ""
    lines = [f"### {escaped(failure.subject)}{where}", ""]
    if failure.claim:
        lines += [escaped(failure.claim), ""]
    if failure.rows:
        lines += [f"{count(failure.violations, 'row')}:", "", *_rows(failure.rows[:_MAX_ROWS])]
    if failure.replay:
        lines += [f"Replay: <code>{escaped(failure.replay)}</code>", ""]
    return lines


def _rows(rows: tuple[dict[str, object], ...]) -> list[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[escaped(shortened(value_text(row[c]), 200)) if c in row else "" for c in columns] for row in rows]
    return _table([escaped(column) for column in columns], cells)


def _gap_table(missing: list[Gap]) -> list[str]:
    if not missing:
        return []
    rows = [[escaped(g.scenario), escaped(g.subject), g.status, escaped(g.reason)] for g in missing]
    return ["### Required, but not put to the test", "", *_table(["scenario", "what", "status", "why"], rows)]


def _faults(result: RunResult) -> list[str]:
    rows = [[escaped(f.scenario), escaped(f.name), f"{f.times:,}", escaped(f.proof)] for f in faults(result)]
    return ["### Faults", "", *_table(["scenario", "fault", "times", "proof"], rows)] if rows else []


def _relaxed(result: RunResult) -> list[str]:
    rows = [
        [escaped(", ".join(names)), escaped(r.check), r.status.value, f"{r.violations:,}", escaped(r.reason)]
        for r, names in relaxed_together(relaxed(result))
    ]
    head = ["scenario", "check", "status", "violations", "why"]
    return ["### Relaxed or waived", "", *_table(head, rows)] if rows else []


def _cut(text: str) -> str:
    content = text.encode("utf-8")
    if len(content) <= _MAX_SUMMARY_BYTES:
        return text
    kept = content[:_MAX_SUMMARY_BYTES].decode("utf-8", "ignore").rpartition("\n")[0]
    return kept + "\n\nThe rest is in report.html.\n"
