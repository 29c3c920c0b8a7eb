"""The console's summary: table, failures as stories, faults with proof, files, verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from doorbuster.model.result import RunResult
from doorbuster.report.comparison import lines as compared
from doorbuster.report.console_text import STYLES, foreign, verdict_text
from doorbuster.report.lanes import told
from doorbuster.report.schedule import table_lines
from doorbuster.report.story import (
    Failure,
    Gap,
    Texts,
    Unexercised,
    by_subject,
    check_counts,
    failures,
    faults,
    gaps,
    p50_and_p99,
    relaxed,
    relaxed_together,
    unexercised,
)
from doorbuster.report.text import (
    count,
    milliseconds,
    outcomes_in_words,
    phase_in_words,
    seconds,
    shortened,
    stall_in_words,
)
from doorbuster.report.verdict import SYMBOLS, not_reached, sentence

_MAX_STORIES = 6  # one screen; report.html has them all
_MAX_LINES = 8


def summary(
    result: RunResult, texts: Texts, written: list[Path], guard: bool, verbose: bool = False
) -> Iterator[RenderableType]:
    """The parts of the summary in reading order, the verdict's own line excepted; ``verbose``: nothing is left out."""
    show = _Show(guard, None, None) if verbose else _Show(guard, _MAX_STORIES, _MAX_LINES)
    if result.scenarios:
        yield _table(result, guard)
    yield from _stories(failures(result, texts), show)
    yield from _section("Required, but not put to the test", [_gap(g) for g in gaps(result) if g.required], show)
    if missed := not_reached(result):
        yield _unbroken(foreign(missed, guard, "bold"))
    if verbose:
        yield from _section("Not exercised", [_unexercised(u) for u in unexercised(result)], show)
    yield from _section("Phases", _phase_lines(result), show)
    yield from _section("Faults", _fault_lines(result), show)
    yield from _section("Stalls", _stall_lines(result), show)
    yield from _section("Recovery, from the end of each fault", _recovery_lines(result), show)
    told = [f"{s.waits.sentence}, in {s.name}" for s in result.scenarios if s.waits is not None]
    yield from _section("Where the time goes", told, show)
    if result.comparison is not None:
        first, *rest = compared(result.comparison)
        yield from _section(first, [line.strip() for line in rest], show)
    yield from _section("Relaxed or waived", _relaxed_lines(result), show)
    yield from (_unbroken(foreign(f"{path.name}: {path}", guard)) for path in written)


@dataclass(frozen=True, slots=True)
class _Show:
    """How much is shown: at most so many stories, and lines of each part; None is all."""

    guard: bool
    stories: int | None
    lines: int | None


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


def _stories(found: tuple[Failure, ...], show: _Show) -> Iterator[RenderableType]:
    groups = by_subject(found)
    for failure, others in groups[: show.stories]:
        yield from _story(failure, others, show)
    if hidden := len(groups[show.stories :]) if show.stories is not None else 0:
        yield Text(f"and {count(hidden, 'more failure')}, all in report.html", style="bold")


def _story(failure: Failure, others: tuple[Failure, ...], show: _Show) -> Iterator[RenderableType]:
    guard = show.guard
    where = f" in {failure.scenario}" if failure.scenario else ""
    rows = f": {count(failure.violations, 'row')}" if failure.sort == "check" else ""
    yield foreign(f"✗ {failure.subject}{where}{rows}", guard, "bold red")
    if others:
        yield _indented(foreign(f"also in {', '.join(other.scenario for other in others)}", guard))
    if failure.claim:
        lead = "a row means: " if failure.sort == "check" else ""
        yield _indented(foreign(lead + shortened(failure.claim, 600), guard, lines=True))
    if failure.schedule:
        yield _indented(foreign(failure.schedule.title, guard))
        yield from (_indented(_unbroken(foreign(line, guard))) for line in table_lines(failure.schedule))
    lines = list(told(failure.story)) if failure.story and not failure.schedule else []
    for line in lines[: show.lines]:
        yield _indented(foreign(shortened(line, 160), guard))
    if hidden := len(lines[show.lines :]) if show.lines is not None else 0:
        yield _indented(Text(f"… {count(hidden, 'more step')} in report.html"))
    if failure.example and (not (lines or failure.schedule) or show.lines is None):
        yield _indented(foreign(f"for example: {shortened(failure.example, 400)}", guard))
    if failure.replay:
        yield _unbroken(foreign(f"    replay: {failure.replay}", guard, "cyan"))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 4), expand=False)


def _unbroken(text: Text) -> Text:
    """A line that someone will copy: left to the terminal to wrap."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


def _section(title: str, lines: list[str], show: _Show) -> Iterator[RenderableType]:
    if not lines:
        return
    yield Text(title, style="bold")
    for line in lines[: show.lines]:
        yield _indented(foreign(line, show.guard))
    if show.lines is not None and len(lines) > show.lines:
        yield _indented(Text(f"and {len(lines) - show.lines:,} more"))


def _unexercised(gap: Unexercised) -> str:
    return f"{gap.check} in {', '.join(gap.scenarios)}: {gap.reason}"


def _gap(gap: Gap) -> str:
    return f"{gap.subject} in {gap.scenario}: {gap.status}; {gap.reason}"


def _phase_lines(result: RunResult) -> list[str]:
    """Of a load on its own; among many scenarios they are for the HTML report."""
    if len(result.scenarios) != 1:
        return []
    return [phase_in_words(phase) for phase in result.scenarios[0].phases if phase.rate is not None]


def _fault_lines(result: RunResult) -> list[str]:
    return [
        f"{f.name} in {f.scenario}, {count(f.times, 'time')}, from {seconds(f.started_s)} to {seconds(f.ended_s)}: "
        f"{f.proof or 'no proof'}"
        for f in faults(result)
    ]


def _stall_lines(result: RunResult) -> list[str]:
    return [f"{stall_in_words(stall)}, in {s.name}" for s in result.scenarios for stall in s.stalls]


def _recovery_lines(result: RunResult) -> list[str]:
    return [
        f"{one.fault} in {scenario.name}: first good order {_after(one.first_good_ms)}, latency normal "
        + ("unknown, as too few orders came before" if one.limit_ms is None else _after(one.normal_ms))
        for scenario in result.scenarios for one in scenario.recoveries
    ]  # fmt: skip


def _after(ms: float | None) -> str:
    return "not seen" if ms is None else f"after {milliseconds(ms)}"


def _relaxed_lines(result: RunResult) -> list[str]:
    return [
        f"{r.check} in {shown(scenarios)}: {r.reason or r.status.value}"
        + (f", {count(r.violations, 'violation')}, for example {r.example}" if r.violations else "")
        for r, scenarios in relaxed_together(relaxed(result))
    ]


def shown(scenarios: tuple[str, ...]) -> str:
    """A few scenarios by name, many by number."""
    return ", ".join(scenarios) if len(scenarios) < 4 else count(len(scenarios), "scenario")
