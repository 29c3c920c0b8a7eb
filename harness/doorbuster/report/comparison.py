"""A comparison in words."""

from collections.abc import Iterator

from doorbuster.model.comparison import Comparison, Difference, LatencyChange
from doorbuster.report.text import clean, milliseconds, number


def lines(found: Comparison) -> Iterator[str]:
    """The comparison for a terminal: thresholds first, then latencies, then what else changed."""
    yield f"Compared with {clean(found.baseline)}, of {clean(found.baseline_started)}"
    for one in found.thresholds:
        yield f"    {one.status.value}: {clean(one.expression)} in {clean(one.scenario) or 'no scenario'}: {one.reason}"
    for change in found.latencies:
        yield f"    {place_of(change)} {change.metric}: {in_words(change)}"
    for other in found.changes:
        yield f"    changed: {clean(other.what)}: {clean(other.before)} → {clean(other.now)}"
    if not (found.latencies or found.thresholds):
        yield "    the two runs have no load scenario in common"


def place_of(change: LatencyChange) -> str:
    """Scenario and phase."""
    return clean(f"{change.scenario}, {change.phase}" if change.phase else change.scenario)


def in_words(change: LatencyChange) -> str:
    """What became of a quantile."""
    if change.ratio is None or change.low is None or change.high is None:
        orders = f"{number(change.orders_before)} before, {number(change.orders_now)} now"
        return f"{Difference.TOO_FEW.value} ({orders})"
    return (
        f"{milliseconds(change.before_ms)} → {milliseconds(change.now_ms)}, {change.difference.value} "
        f"(×{change.ratio:.2f}, of 100 resamplings 99 between ×{change.low:.2f} and ×{change.high:.2f})"
    )
