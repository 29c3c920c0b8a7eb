"""Two runs side by side."""

from dataclasses import dataclass
from enum import StrEnum


class Difference(StrEnum):
    """What two samples of latencies say of each other, as far as their noise allows."""

    SLOWER = "slower"
    FASTER = "faster"
    NONE = "no difference beyond noise"
    TOO_FEW = "too few orders"


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """A quantile of one scenario's phase, before and now; ``phase`` None: all its orders.

    ``ratio`` is now over before, and 99 of 100 resamplings gave one between ``low`` and ``high``.
    """

    scenario: str
    phase: str | None
    metric: str
    before_ms: float | None
    now_ms: float | None
    ratio: float | None
    low: float | None
    high: float | None
    difference: Difference
    orders_before: int
    orders_now: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something besides latency that is not as it was: a version, the function, a check, an outcome's share."""

    what: str
    before: str
    now: str


class Compliance(StrEnum):
    """What became of a comparison's threshold; only ``HOLDS`` is a pass."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class ComparedThreshold:
    """A threshold such as ``p99 < baseline * 1.2`` in one scenario; ``certainty`` is the share of resamplings that met
    it."""

    expression: str
    scenario: str
    status: Compliance
    certainty: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside a ``baseline``, which is named by its folder or file."""

    baseline: str
    baseline_started: str
    latencies: tuple[LatencyChange, ...]
    changes: tuple[Change, ...]
    thresholds: tuple[ComparedThreshold, ...]
    seed: int

    @property
    def is_broken(self) -> bool:
        """Whether a threshold is surely violated."""
        return any(t.status is Compliance.VIOLATED for t in self.thresholds)

    @property
    def is_undecided(self) -> bool:
        """Whether a threshold could not be told to hold."""
        return any(t.status is Compliance.UNDECIDED for t in self.thresholds)
