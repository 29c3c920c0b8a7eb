"""The console's summary: table, failures as stories, faults with proof, files, verdict."""

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from doorbuster.model.result import RunResult
from doorbuster.report.console_text import STYLES, foreign, verdict_text
from doorbuster.report.lanes import told
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
)
from doorbuster.report.text import count, outcomes_in_words, seconds, shortened
from doorbuster.report.verdict import SYMBOLS, sentence

_MAX_STORIES = 6  # one screen; report.html has them all
_MAX_LINES = 8


def summary(result: RunResult, texts: Texts, written: list[Path], guard: bool) -> Iterator[RenderableType]:
    """The parts of the summary in reading order, the verdict's own line excepted."""
    if result.scenarios:
        yield _table(result, guard)
    yield from _stories(failures(result, texts), guard)
    yield from _section("Required, but not put to the test", [_gap(g) for g in gaps(result) if g.required], guard)
    yield from _section("Faults", _fault_lines(result), guard)
    yield from _section("Relaxed or waived", _relaxed_lines(result), guard)
    yield from (_unbroken(foreign(f"{path.name}: {path}", guard)) for path in written)


def verdict_line(result: RunResult, guard: bool) -> Text:
    """The verdict in one sentence."""
    return foreign(f"{SYMBOLS[result.verdict]} {sentence(result)}", guard, STYLES[result.verdict])


def _table(result: RunResult, guard: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("scenario", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("orders", justify="right", no_wrap=True)
    table.add_column("outcomes")
    table.add_column("p50", justify="right", no_wrap=True)
    table.add_column("p99", justify="right", no_wrap=True)
    table.add_column("checks")
    for scenario in result.scenarios:
        table.add_row(
            foreign(scenario.name, guard),
            verdict_text(scenario.verdict),
            f"{scenario.orders:,}",
            foreign(outcomes_in_words(scenario.outcomes), guard),
            *p50_and_p99(scenario),
            check_counts(scenario),
        )
    return table


def _stories(found: tuple[Failure, ...], guard: bool) -> Iterator[RenderableType]:
    groups = by_subject(found)
    for failure, others in groups[:_MAX_STORIES]:
        yield from _story(failure, others, guard)
    if len(groups) > _MAX_STORIES:
        yield Text(f"and {count(len(groups) - _MAX_STORIES, 'more failure')}, all in report.html", style="bold")


def _story(failure: Failure, others: tuple[Failure, ...], guard: bool) -> Iterator[RenderableType]:
    where = f" in {failure.scenario}" if failure.scenario else ""
    rows = f": {count(failure.violations, 'row')}" if failure.sort == "check" else ""
    yield foreign(f"✗ {failure.subject}{where}{rows}", guard, "bold red")
    if others:
        yield _indented(foreign(f"also in {', '.join(other.scenario for other in others)}", guard))
    if failure.claim:
        lead = "a row means: " if failure.sort == "check" else ""
        yield _indented(foreign(lead + shortened(failure.claim, 600), guard, lines=True))
    if failure.story:
        lines = list(told(failure.story))
        for line in lines[:_MAX_LINES]:
            yield _indented(foreign(shortened(line, 160), guard))
        if len(lines) > _MAX_LINES:
            yield _indented(Text(f"… {count(len(lines) - _MAX_LINES, 'more step')} in report.html"))
    elif failure.example:
        yield _indented(foreign(f"for example: {shortened(failure.example, 400)}", guard))
    if failure.replay:
        yield _unbroken(foreign(f"    replay: {failure.replay}", guard, "cyan"))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 4), expand=False)


def _unbroken(text: Text) -> Text:
    """A line that someone will copy: left to the terminal to wrap."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


def _section(title: str, lines: list[str], guard: bool) -> Iterator[RenderableType]:
    if not lines:
        return
    yield Text(title, style="bold")
    for line in lines[:_MAX_LINES]:
        yield _indented(foreign(line, guard))
    if len(lines) > _MAX_LINES:
        yield _indented(Text(f"and {len(lines) - _MAX_LINES:,} more"))


def _gap(gap: Gap) -> str:
    return f"{gap.subject} in {gap.scenario}: {gap.status}; {gap.reason}"


def _fault_lines(result: RunResult) -> list[str]:
    return [
        f"{f.name} in {f.scenario}, {count(f.times, 'time')}, from {seconds(f.started_s)} to {seconds(f.ended_s)}: "
        f"{f.proof or 'no proof'}"
        for f in faults(result)
    ]


def _relaxed_lines(result: RunResult) -> list[str]:
    return [
        f"{r.check} in {r.scenario}: {r.reason or r.status.value}"
        + (f", {count(r.violations, 'violation')}, for example {r.example}" if r.violations else "")
        for r in relaxed(result)
    ]
