"""What every report says about a run, before it decides how: what failed, what is missing, what was relaxed.

Reports draw from these and never judge: a status comes from the result, whatever its rows look like.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from doorbuster.model.check import CheckResult, CheckStatus, CheckText, ThresholdResult, ThresholdStatus
from doorbuster.model.result import FaultResult, PhaseResult, RunResult, ScenarioResult
from doorbuster.model.story import Story
from doorbuster.report.schedule import ScheduleTable, schedule_of
from doorbuster.report.text import NONE, clean, clean_lines, count, milliseconds, number, row_in_words

Texts = Mapping[str, CheckText]
# The standing checks, the worst for a shop first.
SEVERITY = (
    "unusable", "oversold", "lost_order", "duplicate_order", "ghost_order", "partial_order", "conservation",
    "movements", "wrong_amount", "bad_order_accepted", "false_sold_out", "turned_away", "stale_commit", "deadlock",
    "leaked_session", "unfinished",
)  # fmt: skip
# The checks that stand for thresholds. Where a scenario shows the threshold itself, they would say it twice.
LIMITS = frozenset({"latency", "error_rate", "throughput"})


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong. ``claim`` says what it means; ``scenario`` is empty where the run itself failed."""

    scenario: str
    subject: str
    sort: Literal["check", "threshold", "error"]
    claim: str
    violations: int = 0
    example: str = ""
    rows: tuple[dict[str, object], ...] = ()
    replay: str = ""
    story: Story | None = None
    schedule: ScheduleTable | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not put to the test or could not be seen; ``required`` if that costs the run its pass."""

    scenario: str
    subject: str
    status: str
    reason: str
    required: bool


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A check that a policy turned off or into a warning, with what it would have said."""

    scenario: str
    check: str
    status: CheckStatus
    violations: int
    example: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FaultStory:
    """All strokes of one fault in one scenario."""

    scenario: str
    name: str
    kind: str
    times: int
    started_s: float
    ended_s: float
    marks: int
    proof: str


def replay_command(scenario: ScenarioResult, given: str | None = None) -> str:
    """The command that shows a failure again; without one of its own, the scenario with its seed."""
    return clean(given or scenario.replay or f"doorbuster run {shlex.quote(scenario.name)} --seed {scenario.seed}")


def failures(result: RunResult, texts: Texts) -> tuple[Failure, ...]:
    """Everything that failed: first what broke the run, then violated checks, errors and thresholds by scenario."""
    found = [Failure("", "error", "error", clean_lines(result.error))] if result.error else []
    for scenario in result.scenarios:
        found += _failures_of(scenario, texts)
    rank = {"check": 0, "error": 1, "threshold": 2}
    return tuple(sorted(found, key=lambda f: (f.scenario != "", rank[f.sort])))


def _failures_of(scenario: ScenarioResult, texts: Texts) -> Iterator[Failure]:
    if scenario.error:
        replay = replay_command(scenario)
        yield Failure(scenario.name, "error", "error", clean_lines(scenario.error), replay=replay)
    broken = any(threshold.status is ThresholdStatus.VIOLATED for threshold in scenario.thresholds)
    for check in scenario.checks:
        if check.status is CheckStatus.VIOLATED and not (broken and check.name in LIMITS):
            yield _violation(scenario, check, texts)
    for threshold in scenario.thresholds:
        if threshold.status is ThresholdStatus.VIOLATED and not _is_relaxed(scenario, threshold):
            replay = replay_command(scenario)
            yield Failure(scenario.name, threshold.expression, "threshold", measured(threshold), replay=replay)


def _is_relaxed(scenario: ScenarioResult, threshold: ThresholdResult) -> bool:
    """Whether the check named after the threshold's metric is a mere warning, by policy or waiver."""
    metric = threshold.expression.split()[0] if threshold.expression.split() else ""
    name = metric if metric in LIMITS else "latency"
    return any(check.name == name and check.status is CheckStatus.WARNING for check in scenario.checks)


def _violation(scenario: ScenarioResult, check: CheckResult, texts: Texts) -> Failure:
    text = texts.get(check.name)
    rows = check.rows or ((check.example,) if check.example else ())
    return Failure(
        scenario.name,
        check.name,
        "check",
        clean(text.means) if text else clean(check.reason or ""),
        check.violations,
        example_of(check),
        rows,
        replay_command(scenario, check.replay),
        check.story,
        schedule_of(scenario, check.name),
    )


_SORTS = {"error": -1, "check": 0, "threshold": len(SEVERITY) + 1}


def severity(check: str) -> int:
    """A check's place among all, the worst first; a shop's own come last."""
    return SEVERITY.index(check) if check in SEVERITY else len(SEVERITY)


def by_subject(found: tuple[Failure, ...]) -> tuple[tuple[Failure, tuple[Failure, ...]], ...]:
    """The failures gathered by what failed, the worst first: the first of each, and the same in other scenarios."""
    found = tuple(sorted(found, key=lambda f: severity(f.subject) if f.sort == "check" else _SORTS[f.sort]))
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in found:
        own = failure.scenario if failure.sort == "error" else ""
        groups.setdefault((failure.sort, failure.subject, own), []).append(failure)
    return tuple((first, tuple(others)) for first, *others in groups.values())


def example_of(check: CheckResult) -> str:
    """One violation in words; empty where there is none."""
    row = check.example or (check.rows[0] if check.rows else None)
    return row_in_words(row) if row else ""


_LIMIT_UNIT = re.compile(r"[<>=]\s*[\d.,]+\s*(%|/[A-Za-z]+|[A-Za-zµ]+(?:/[A-Za-z]+)?)?")


def threshold_value(threshold: ThresholdResult) -> str:
    """What was measured, in the unit in which the expression states its limit."""
    if threshold.value is None:
        return "nothing measured"
    match = _LIMIT_UNIT.search(threshold.expression)
    unit = (match and match.group(1)) or ""
    # In `p99 < 0.5 in steady` the word after the number is no unit.
    unit = "" if unit == "in" else unit
    return number(threshold.value) + ("" if unit[:1] in ("", "%", "/") else " ") + unit


def measured(threshold: ThresholdResult) -> str:
    """A threshold's measurement in words."""
    told = threshold.phase is None or threshold.expression.endswith(f" in {threshold.phase}")
    where = "" if told else f" in phase {clean(threshold.phase or '')}"
    measured = f"measured {threshold_value(threshold)}" if threshold.value is not None else "nothing measured"
    return f"{measured}{where}, over {count(threshold.samples, 'sample')}"


def gaps(result: RunResult) -> tuple[Gap, ...]:
    """What was neither shown to hold nor violated; what was required comes first."""
    found = [gap for scenario in result.scenarios for gap in _gaps_of(scenario)]
    return tuple(sorted(found, key=lambda gap: not gap.required))


def _gaps_of(scenario: ScenarioResult) -> Iterator[Gap]:
    for check in scenario.checks:
        if not check.applies:
            yield Gap(scenario.name, check.name, check.status.value, clean(check.reason or ""), required=False)
        elif check.status in (CheckStatus.UNEXERCISED, CheckStatus.UNOBSERVABLE):
            reason = check.reason or _DEFAULT_REASON[check.status]
            yield Gap(scenario.name, check.name, check.status.value, clean(reason), check.required)
    for threshold in scenario.thresholds:
        if threshold.status is ThresholdStatus.UNEXERCISED:
            reason = f"too few samples to judge it: {threshold.samples:,}"
            yield Gap(scenario.name, threshold.expression, threshold.status.value, reason, True)
    for fault in faults_of(scenario):
        if not fault.marks:
            reason = f"the fault left no mark, so it did not happen: {fault.proof or 'no proof'}"
            yield Gap(scenario.name, fault.name, "no mark", reason, True)


@dataclass(frozen=True, slots=True)
class Unexercised:
    """A check that some scenarios did not put to the test, for one reason; ``held_in`` counts those that did."""

    check: str
    reason: str
    scenarios: tuple[str, ...]
    held_in: int


def unexercised(result: RunResult) -> tuple[Unexercised, ...]:
    """The gaps that cost no pass, gathered by check: those that no scenario put to the test come first."""
    tested = Counter(
        check.name for s in result.scenarios for check in s.checks
        if check.status in (CheckStatus.HOLDS, CheckStatus.VIOLATED, CheckStatus.WARNING)
    )  # fmt: skip
    scenarios: dict[tuple[str, str], list[str]] = {}
    for gap in gaps(result):
        if not gap.required:
            scenarios.setdefault((gap.subject, gap.reason), []).append(gap.scenario)
    found = [Unexercised(c, reason, tuple(names), tested[c]) for (c, reason), names in scenarios.items()]
    return tuple(sorted(found, key=lambda u: (u.held_in > 0, u.check)))


_DEFAULT_REASON = {
    CheckStatus.UNEXERCISED: "nothing that happened put it to the test",
    CheckStatus.UNOBSERVABLE: "what it looks at could not be seen",
}


def relaxed(result: RunResult) -> tuple[Relaxed, ...]:
    """The checks that a policy turned off or into warnings, or accepted unseen."""
    return tuple(
        Relaxed(scenario.name, check.name, check.status, check.violations, example_of(check), clean(check.reason or ""))
        for scenario in result.scenarios
        for check in scenario.checks
        if check.applies and (check.status in (CheckStatus.WARNING, CheckStatus.OFF) or check.accepted)
    )


def relaxed_together(found: tuple[Relaxed, ...]) -> tuple[tuple[Relaxed, tuple[str, ...]], ...]:
    """The same with their scenarios: those that say the same in several scenarios stand once."""
    groups: dict[tuple[object, ...], list[Relaxed]] = {}
    for r in found:
        own = (r.scenario, r.example) if r.violations else ()
        groups.setdefault((r.check, r.status, r.reason, *own), []).append(r)
    return tuple((same[0], tuple(r.scenario for r in same)) for same in groups.values())


def faults(result: RunResult) -> tuple[FaultStory, ...]:
    """Every fault of the run with its proof."""
    return tuple(story for scenario in result.scenarios for story in faults_of(scenario))


def faults_of(scenario: ScenarioResult) -> tuple[FaultStory, ...]:
    """The scenario's faults, the pulses of one fault gathered into one story."""
    strokes: dict[tuple[str, str], list[FaultResult]] = {}
    for fault in scenario.faults:
        strokes.setdefault((fault.name, fault.kind), []).append(fault)
    return tuple(_fault_story(scenario.name, group) for group in strokes.values())


def _fault_story(scenario: str, strokes: list[FaultResult]) -> FaultStory:
    best = max(strokes, key=lambda fault: fault.marks)
    return FaultStory(
        scenario,
        best.name,
        best.kind,
        len(strokes),
        min(fault.started_s for fault in strokes),
        max(fault.ended_s for fault in strokes),
        sum(fault.marks for fault in strokes),
        clean(best.proof),
    )


def slowest_phase(scenario: ScenarioResult) -> PhaseResult | None:
    """The measured phase with the highest p99: the one that a summary has to show."""
    measured_phases = [phase for phase in scenario.phases if phase.p99_ms is not None]
    return max(measured_phases, key=lambda phase: phase.p99_ms or 0.0, default=None)


def p50_and_p99(scenario: ScenarioResult) -> tuple[str, str]:
    """Median and p99 of the slowest phase, with their units."""
    phase = slowest_phase(scenario)
    return (milliseconds(phase.p50_ms), milliseconds(phase.p99_ms)) if phase else (NONE, NONE)


_STATUS_WORDS = {
    CheckStatus.VIOLATED: "violated",
    CheckStatus.HOLDS: "hold",
    CheckStatus.UNEXERCISED: "unexercised",
    CheckStatus.UNOBSERVABLE: "unobservable",
    CheckStatus.WARNING: "warned",
    CheckStatus.OFF: "off",
}


def check_counts(scenario: ScenarioResult) -> str:
    """``1 violated, 9 hold, 2 unexercised``: the worst first, and nothing that is zero."""
    amounts = {s: sum(check.applies and check.status is s for check in scenario.checks) for s in _STATUS_WORDS}
    return ", ".join(f"{amount} {_STATUS_WORDS[s]}" for s, amount in amounts.items() if amount) or "none"
