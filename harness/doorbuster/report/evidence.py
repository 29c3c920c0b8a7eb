"""What failed in a run, as plain text for an assertion's message or a log."""

from collections.abc import Iterator
from pathlib import Path

from doorbuster.model.result import RunResult
from doorbuster.report.lanes import told
from doorbuster.report.schedule import table_lines
from doorbuster.report.story import Failure, Texts, by_subject, failures, gaps
from doorbuster.report.text import count
from doorbuster.report.verdict import sentence

_MAX_LINES = 16


def failure_text(result: RunResult, texts: Texts, folder: Path | None = None) -> str:
    """The verdict in one sentence, each failure with its story, what was missing, and where the report lies."""
    lines = [sentence(result)]
    for failure, others in by_subject(failures(result, texts)):
        lines += ["", *_failure(failure, others)]
    missing = [gap for gap in gaps(result) if gap.required]
    lines += [""] * bool(missing)
    lines += [f"not put to the test: {gap.subject} in {gap.scenario}: {gap.status}; {gap.reason}" for gap in missing]
    if folder is not None and (folder / "report.html").exists():
        lines += ["", f"report: {folder / 'report.html'}"]
    return "\n".join(lines)


def _failure(failure: Failure, others: tuple[Failure, ...]) -> Iterator[str]:
    rows = f": {count(failure.violations, 'violation')}" if failure.sort == "check" else ""
    yield f"✗ {failure.subject}" + (f" in {failure.scenario}" if failure.scenario else "") + rows
    if failure.claim:
        yield f"  {failure.claim}"
    if failure.example:
        yield f"  for example: {failure.example}"
    if failure.schedule:
        yield from (f"  {line}" for line in (failure.schedule.title, *table_lines(failure.schedule)))
    story = list(told(failure.story)) if failure.story and not failure.schedule else []
    yield from (f"  {line}" for line in story[:_MAX_LINES])
    if len(story) > _MAX_LINES:
        yield f"  … {count(len(story) - _MAX_LINES, 'more step')}"
    if others:
        yield f"  also in {', '.join(other.scenario for other in others)}"
    if failure.replay:
        yield f"  replay: {failure.replay}"
