"""A run's verdict in one sentence that needs no knowledge of databases."""

from collections.abc import Callable, Iterable

from doorbuster.config.thresholds import parse_threshold
from doorbuster.model.check import ThresholdResult, ThresholdStatus
from doorbuster.model.comparison import Compliance
from doorbuster.model.result import RunResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.story import LIMITS, Failure, failures, gaps, severity, threshold_value
from doorbuster.report.text import clean, count, milliseconds, number, seconds, shortened

INTERRUPTED = 130

WORDS = {
    Verdict.PASS: "Pass",
    Verdict.VIOLATION: "Violation",
    Verdict.ERROR: "Error",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.SLOW: "Slow",
}
SYMBOLS = {
    Verdict.PASS: "✓",
    Verdict.VIOLATION: "✗",
    Verdict.ERROR: "!",
    Verdict.INCONCLUSIVE: "?",
    Verdict.SLOW: "▲",
}

# What each standing check's violation is to someone who runs a shop. A shop's own check is named instead.
_IN_BUSINESS_TERMS = {
    "unusable": "cannot place even one plain order",
    "oversold": "sold more than there was",
    "conservation": "let stock and orders drift apart",
    "partial_order": "left half-written orders",
    "movements": "kept a wrong stock ledger",
    "duplicate_order": "ordered twice for one buyer",
    "lost_order": "lost orders it had confirmed",
    "ghost_order": "kept orders it had told the buyer had failed",
    "turned_away": "turned buyers away although there was stock",
    "false_sold_out": "said “sold out” although there was stock",
    "stale_commit": "made orders at a time when nobody was ordering",
    "wrong_amount": "charged a wrong total",
    "bad_order_accepted": "accepted orders it must refuse",
    "deadlock": "let orders block each other until the server killed one",
    "leaked_session": "left locks or transactions behind",
    "unfinished": "did not recover after the faults had ended",
}
_AT_MOST = 3


def headline(result: RunResult) -> str:
    """The verdict as a word or two, for a title."""
    if interrupted(result):
        return "Interrupted"
    return WORDS[result.verdict]


def interrupted(result: RunResult) -> bool:
    """Whether someone stopped the run before it could conclude anything."""
    return result.exit_code == INTERRUPTED


def sentence(result: RunResult) -> str:
    """The verdict in one sentence for a manager."""
    if interrupted(result):
        return f"Interrupted: the run was stopped after {_extent(result)}, so it concludes nothing."
    return _SENTENCES[result.verdict](result)


def _pass(result: RunResult) -> str:
    if result.not_reached:
        return (
            f"Nothing wrong within {_budget(result)}: in {_extent(result)} every required check was put to the test "
            f"and held. Not reached, so not tested: {_listed(map(clean, result.not_reached))}."
        )
    accepted = sorted({check.name for s in result.scenarios for check in s.checks if check.accepted})
    if accepted:
        return (
            f"Nothing wrong seen in {_extent(result)}, but this could not be observed, and its scenario accepts that: "
            f"{_listed(accepted)}."
        )
    return (
        f"Safe to ship: in {_extent(result)} every required check was put to the test and held, "
        "and every limit was met."
    )


def _violation(result: RunResult) -> str:
    broken = [f for f in failures(result, {}) if f.sort == "check" and f.subject not in LIMITS]
    scenarios = len({failure.scenario for failure in broken})
    if not broken:
        return "Do not ship: the checkout broke a promise; the report says which."
    worst_first = sorted(broken, key=lambda failure: severity(failure.subject))
    what = _listed(dict.fromkeys(map(_business_term, worst_first)), "broke ", "promise")
    return f"Do not ship: the checkout {what}, in {scenarios} of {count(len(result.scenarios), 'scenario')}."


def _business_term(failure: Failure) -> str:
    return _IN_BUSINESS_TERMS.get(failure.subject, f"broke the shop’s own rule “{clean(failure.subject)}”")


def _error(result: RunResult) -> str:
    causes = [failure.claim for failure in failures(result, {}) if failure.sort == "error"]
    lines = causes[0].strip().splitlines() if causes else []
    # The last line of a traceback is the error; a plain message has one line anyway.
    why = shortened(lines[-1].strip().rstrip("."), 200) if lines else "see the report"
    return f"No verdict: the harness could not do its work, which says nothing about the checkout: {why}."


def not_reached(result: RunResult) -> str:
    """Which scenarios a budget was too short for, all of them; empty where there are none."""
    names = ", ".join(map(clean, result.not_reached))
    return f"Not reached within {_budget(result)}, so not tested: {names}" if names else ""


def _budget(result: RunResult) -> str:
    return f"the budget of {seconds(result.budget_s or 0)}"


def _inconclusive(result: RunResult) -> str:
    if result.not_reached and not result.scenarios:
        return f"No verdict: no scenario was reached within {_budget(result)}."
    missing = [gap for gap in gaps(result) if gap.required]
    if not missing and result.comparison is not None and result.comparison.is_undecided:
        return "No verdict: nothing wrong was seen, but whether it is slower than the baseline allows cannot be told."
    if not missing:
        return f"No verdict: nothing wrong was seen, but the run ({_extent(result)}) proves too little."
    named = _listed(dict.fromkeys(f"{clean(gap.subject)} in {clean(gap.scenario)}" for gap in missing))
    return f"No verdict: nothing wrong was seen, but what had to be tested was not: {named}."


def _slow(result: RunResult) -> str:
    broken = [
        f"in {clean(s.name)} {_limit_in_words(t)}"
        for s in result.scenarios for t in s.thresholds if t.status is ThresholdStatus.VIOLATED
    ]  # fmt: skip
    if result.comparison is not None:
        broken += [
            f"in {clean(t.scenario)} slower than the baseline allows ({clean(t.expression)})"
            for t in result.comparison.thresholds if t.status is Compliance.VIOLATED
        ]  # fmt: skip
    return f"Correct, but too slow: {_listed(broken) or 'a limit was broken'}."


def _limit_in_words(broken: ThresholdResult) -> str:
    """What was measured beside what is allowed; a threshold of another form is quoted."""
    try:
        asked = parse_threshold(broken.expression)
    except ValueError:
        return f"{clean(broken.expression)} was measured as {threshold_value(broken)}"
    found = threshold_value(broken)
    if asked.metric == "error_rate":
        return f"{found} of the orders failed (limit {number(asked.limit / asked.display)}{'%' * (asked.display != 1)})"
    if asked.metric == "throughput":
        return f"only {found.removesuffix('/s')} orders a second were answered (limit {number(asked.limit)})"
    return f"{_slowest(asked.quantile or 1.0)} took {found} or more (limit {milliseconds(asked.limit)})"


def _slowest(quantile: float) -> str:
    if quantile == 1:
        return "the slowest order"
    share = round(1 / (1 - quantile), 6)
    if share == 2:
        return "half of the orders"
    return f"1 order in {number(share)}" if share == int(share) else f"{number(100 * (1 - quantile))}% of the orders"


_SENTENCES: dict[Verdict, Callable[[RunResult], str]] = {
    Verdict.PASS: _pass,
    Verdict.VIOLATION: _violation,
    Verdict.ERROR: _error,
    Verdict.INCONCLUSIVE: _inconclusive,
    Verdict.SLOW: _slow,
}


def _extent(result: RunResult) -> str:
    orders = sum(scenario.orders for scenario in result.scenarios)
    return f"{count(orders, 'order')} across {count(len(result.scenarios), 'scenario')}"


def _listed(parts: Iterable[str], lead: str = "", noun: str = "thing") -> str:
    """``a, b and c``, and how many more there are past the first few."""
    everything = list(parts)
    shown, hidden = everything[:_AT_MOST], len(everything) - _AT_MOST
    if hidden > 0:
        return ", ".join(shown) + f", and {lead}{count(hidden, f'more {noun}')}"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
