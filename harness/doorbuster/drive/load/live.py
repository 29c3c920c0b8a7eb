"""Figures of a load while it runs: HDR histograms of latency, three significant digits kept, that merge over workers.

The verdict does not rest on them: it has every raw sample. They feed the live line and the thresholds that end a load.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from doorbuster.config.thresholds import Threshold

DIGITS = 3
LONGEST_US = 3_600_000_000
_EXACT_BITS = 11  # 2048 steps to each power of two are what three decimal digits need
_HAPPY = ("ok", "sold_out")


class Done(NamedTuple):
    """One finished order, for whoever counts: ``latency_ms`` from its due time, retries included."""

    outcome: str
    latency_ms: float
    phase: str


class LiveFigures:
    """What is known so far, by phase. Not thread-safe."""

    def __init__(self) -> None:
        # Counted here first: to record one in a histogram takes several times as long as to count it.
        self._counted: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._latencies: defaultdict[str, HdrHistogram] = defaultdict(_histogram)
        self._outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, done: Iterable[Done]) -> None:
        """Count finished orders."""
        groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for outcome, latency_ms, phase in done:
            groups[phase, outcome].append(int(latency_ms * 1000))
        for (phase, outcome), latencies_us in groups.items():
            self._counted[phase].update(latencies_us)
            self._outcomes[phase][str(outcome)] += len(latencies_us)

    def _record(self) -> None:
        """What was counted goes into the histograms."""
        for phase, counts in self._counted.items():
            histogram, steps = self._latencies[phase], Counter[int]()
            for latency_us, times in counts.items():
                steps[_lowest(latency_us)] += times
            for latency_us, times in steps.items():
                histogram.record_value(latency_us, times)
        self._counted.clear()

    def take(self) -> dict[str, Any]:
        """What was counted since the last time, to be sent; it is forgotten here."""
        self._record()
        taken = {
            phase: {"latencies": histogram.encode().decode(), "outcomes": dict(self._outcomes[phase])}
            for phase, histogram in self._latencies.items()
        }
        self._latencies.clear()
        self._outcomes.clear()
        return taken

    def merge(self, taken: Mapping[str, Any]) -> None:
        """Add what a worker took."""
        for phase, figures in taken.items():
            self._latencies[phase].decode_and_add(figures["latencies"])
            self._outcomes[phase].update(figures["outcomes"])

    def percentile_ms(self, percentile: float, phase: str | None = None) -> float | None:
        """The latency below which so many per cent of the orders lie; None where there are none."""
        whole = self._whole(phase)
        return float(whole.get_value_at_percentile(percentile)) / 1000 if whole.total_count else None

    def broken(self, thresholds: Sequence[Threshold], at_s: float) -> tuple[Threshold, float] | None:
        """The first of ``thresholds`` that is surely broken ``at_s`` seconds after the release, with its value."""
        for threshold in thresholds:
            if threshold.abort_after_s is None or at_s < threshold.abort_after_s:
                continue
            value = self._value(threshold)
            if value is not None and not threshold.holds(value):
                return threshold, value
        return None

    def _value(self, threshold: Threshold) -> float | None:
        """The value as the histogram knows it, rounded in favour of a threshold that sets an upper limit."""
        whole = self._whole(threshold.phase)
        samples = int(whole.total_count)
        if samples < threshold.least_samples:
            return None
        if threshold.metric == "error_rate":
            outcomes = sum((self._outcomes[p] for p in self._phases(threshold.phase)), Counter[str]())
            return float(sum(n for outcome, n in outcomes.items() if outcome not in _HAPPY)) / samples
        if threshold.quantile is None:
            return float(whole.get_mean_value()) * (1 - 0.1**DIGITS) / 1000
        highest = whole.get_value_at_percentile(threshold.quantile * 100)
        return float(whole.get_lowest_equivalent_value(highest)) / 1000

    def _whole(self, phase: str | None) -> HdrHistogram:
        self._record()
        whole = _histogram()
        for name in self._phases(phase):
            whole.add(self._latencies[name])
        return whole

    def _phases(self, phase: str | None) -> list[str]:
        return [name for name in self._outcomes if phase in (None, name)]


def _lowest(latency_us: int) -> int:
    """The lowest value that the histogram counts as the same; to record each by itself takes several times as long."""
    shift = max(0, latency_us.bit_length() - _EXACT_BITS)
    return min(LONGEST_US, max(1, latency_us >> shift << shift))


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, LONGEST_US, DIGITS)
