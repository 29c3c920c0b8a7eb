"""Latencies of two runs compared as far as their noise allows.

A bootstrap over blocks (Künsch 1989; Efron and Tibshirani, ch. 8): orders that come one after the other share their
luck, so whole blocks of them are drawn again with replacement, many times, and each time the quantile is taken anew.
The spread of these is the noise within the runs. What differs from run to run on a busy machine is not in it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from doorbuster.config.compared import RelativeThreshold
from doorbuster.judge.profiles import Baseline, Block, Profile, value_of
from doorbuster.model.comparison import Change, ComparedThreshold, Comparison, Compliance, Difference, LatencyChange

RESAMPLES = 500
CERTAIN = 0.99
# So many orders must lie beyond a quantile, in either run, for it to say something.
LEAST_BEYOND = 5
LEAST_BLOCKS = 5
# A difference smaller than this concerns nobody, however certain it is.
LEAST_RATIO = 1.05
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Sample:
    """The latencies of one phase, ready to be drawn from."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._bins = sorted({number for block in blocks for number in block})
        self._below = [list(accumulate(block.get(number, 0) for number in self._bins)) for block in blocks]
        self.orders = sum(sum(block.values()) for block in blocks)

    def says_something(self, quantile: float) -> bool:
        """Whether there are enough orders, in enough blocks, for this quantile."""
        beyond = self.orders * min(quantile, 1 - quantile)
        return len(self._below) >= LEAST_BLOCKS and round(beyond, 6) >= LEAST_BEYOND

    def quantile_ms(self, quantile: float) -> float:
        """The quantile of what was measured."""
        return self._quantile([(1, below) for below in self._below], quantile)

    def drawn_ms(self, quantile: float, chance: Random) -> list[float]:
        """The quantile of ``RESAMPLES`` drawings of whole blocks."""
        size = len(self._below)
        drawings = (Counter(chance.choices(range(size), k=size)) for _ in range(RESAMPLES))
        return [self._quantile([(n, self._below[b]) for b, n in drawn.items()], quantile) for drawn in drawings]

    def _quantile(self, drawn: Sequence[tuple[int, list[int]]], quantile: float) -> float:
        wanted = quantile * sum(n * below[-1] for n, below in drawn)
        place = bisect_left(
            range(len(self._bins) - 1), wanted - 1e-9, key=lambda i: sum(n * below[i] for n, below in drawn)
        )
        return value_of(self._bins[place])


def compare(
    before: Baseline, now: Baseline, thresholds: Sequence[RelativeThreshold], seed: int, name: str
) -> Comparison:
    """``now`` beside ``before``, which is called ``name``; the same seed draws the same."""
    common = [scenario for scenario in now.scenarios if scenario in before.scenarios]
    latencies: list[LatencyChange] = []
    judged: list[ComparedThreshold] = []
    for scenario in common:
        old, new = before.scenarios[scenario], now.scenarios[scenario]
        latencies += _latencies(scenario, old, new, seed)
        judged += [_judge(scenario, threshold, old, new, seed) for threshold in thresholds]
    if not common:
        why = "the two runs have no load scenario in common"
        judged = [ComparedThreshold(t.expression, "", Compliance.UNDECIDED, None, why) for t in thresholds]
    return Comparison(name, before.started, tuple(latencies), tuple(_changes(before, now)), tuple(judged), seed)


def _latencies(scenario: str, old: Profile, new: Profile, seed: int) -> list[LatencyChange]:
    phases: list[str | None] = [phase for phase in new.phases if phase in old.phases]
    found = []
    for phase in phases if len(phases) == 1 else [None, *phases]:
        before, now = Sample(old.blocks(phase)), Sample(new.blocks(phase))
        for metric, quantile in _QUANTILES.items():
            found.append(_change(scenario, phase, metric, quantile, before, now, seed))
    return found


def _change(
    scenario: str, phase: str | None, metric: str, quantile: float, before: Sample, now: Sample, seed: int
) -> LatencyChange:
    orders = (before.orders, now.orders)
    if not (before.says_something(quantile) and now.says_something(quantile)):
        return LatencyChange(scenario, phase, metric, None, None, None, None, None, Difference.TOO_FEW, *orders)
    ratios = sorted(_ratio(a, b) for a, b in _pairs(scenario, phase, quantile, before, now, seed))
    outside = round(len(ratios) * (1 - CERTAIN) / 2)
    low, high = ratios[outside], ratios[-1 - outside]
    was, is_ = before.quantile_ms(quantile), now.quantile_ms(quantile)
    ratio, difference = _ratio(was, is_), Difference.NONE
    if low > 1 and ratio >= LEAST_RATIO:
        difference = Difference.SLOWER
    elif high < 1 and ratio <= 1 / LEAST_RATIO:
        difference = Difference.FASTER
    return LatencyChange(scenario, phase, metric, was, is_, ratio, low, high, difference, *orders)


def _pairs(
    scenario: str, phase: str | None, quantile: float, before: Sample, now: Sample, seed: int
) -> list[tuple[float, float]]:
    chance = Random(f"{seed} {scenario} {phase} {quantile}")
    return list(zip(before.drawn_ms(quantile, chance), now.drawn_ms(quantile, chance), strict=True))


def _ratio(before: float, now: float) -> float:
    return max(now, 1e-3) / max(before, 1e-3)  # a microsecond is the least that is measured


def _judge(
    scenario: str, threshold: RelativeThreshold, old: Profile, new: Profile, seed: int
) -> ComparedThreshold:
    phase, quantile = threshold.phase, threshold.quantile
    before, now = Sample(old.blocks(phase)), Sample(new.blocks(phase))
    if not (before.says_something(quantile) and now.says_something(quantile)):
        why = f"{before.orders} orders before and {now.orders} now are too few for this quantile"
        return ComparedThreshold(threshold.expression, scenario, Compliance.UNDECIDED, None, why)
    pairs = _pairs(scenario, phase, quantile, before, now, seed)
    met = sum(b < a * threshold.factor + threshold.more_ms for a, b in pairs) / len(pairs)
    was, is_ = before.quantile_ms(quantile), now.quantile_ms(quantile)
    told = f"{is_:.3g} ms now, {was:.3g} ms before, met in {met:.1%} of {len(pairs)} resamplings"
    status = Compliance.HOLDS if met >= CERTAIN else Compliance.VIOLATED if met <= 1 - CERTAIN else Compliance.UNDECIDED
    return ComparedThreshold(threshold.expression, scenario, status, met, told)


def _changes(before: Baseline, now: Baseline) -> list[Change]:
    found = _differing("", before.versions, now.versions)
    for scenario in sorted({*before.scenarios, *now.scenarios}):
        old, new = before.scenarios.get(scenario), now.scenarios.get(scenario)
        if old is None or new is None:
            found.append(Change(f"{scenario}", "there" if old else "not there", "there" if new else "not there"))
            continue
        found += _differing(f"{scenario}: ", {"verdict": old.verdict}, {"verdict": new.verdict})
        found += _differing(f"{scenario}: check ", old.checks, new.checks)
        found += _differing(f"{scenario}: share of ", _shares(old.outcomes), _shares(new.outcomes))
    return found


def _differing(lead: str, before: dict[str, str], now: dict[str, str]) -> list[Change]:
    names = dict.fromkeys([*before, *now])
    return [
        Change(f"{lead}{name}", before.get(name, "–"), now.get(name, "–"))
        for name in names if before.get(name) != now.get(name)
    ]  # fmt: skip


def _shares(outcomes: dict[str, int]) -> dict[str, str]:
    """Shares of attempts in whole per cent, so that chance is no change."""
    total = sum(outcomes.values()) or 1
    return {name: f"{n / total:.0%}" for name, n in outcomes.items()}
