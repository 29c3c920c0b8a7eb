"""One experiment."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from doorbuster.model.crash import Crash
from doorbuster.model.cut import Cut
from doorbuster.model.fault import FaultPlan
from doorbuster.model.interleave import Interleave
from doorbuster.model.stateful import Stateful

_STRICT = {"extra": "forbid"}

Kind = Literal["load", "stateful", "interleave", "cut", "crash"]
ScenarioSet = Literal["quick", "gate", "full"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of a load with one rate; ``rate`` in orders a second, drawn evenly or as a Poisson process."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    duration_s: float
    rate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What is on the shelves and who wants it.

    ``arrivals``: ``rate`` is an open model, orders are due on a timetable, by ``phases``; ``burst`` releases all buyers
    at one instant at one product with ``stock`` left, ``rounds`` times, each with a product of its own; ``closed`` lets
    every buyer order again ``think_s`` seconds after an answer, until somebody stops it.
    ``lines`` and ``quantity`` are inclusive ranges, of distinct products a cart and of units a line.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    arrivals: Literal["rate", "burst", "closed"]
    buyers: int
    stock: int
    products: int = 1
    rounds: int = 1
    lines: tuple[int, int] = (1, 1)
    quantity: tuple[int, int] = (1, 1)
    think_s: float = 0.5
    spacing: Literal["even", "poisson"] = "poisson"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which checks a scenario requires to be exercised, turns into warnings, or turns off."""

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    require: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A contract's experiment: a workload, faults on a timeline, checks and thresholds.

    ``workload`` and ``phases`` are for kind ``load``; each other kind has a table of its own name with its settings.
    A threshold reads ``p99 < 500ms`` or ``error_rate < 0.1% in steady``, the last word naming a phase.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    kind: Kind
    description: str
    workload: Workload | None = None
    sets: tuple[ScenarioSet, ...] = ("full",)
    phases: tuple[Phase, ...] = ()
    faults: tuple[FaultPlan, ...] = ()
    checks: Policy = Policy()
    thresholds: tuple[str, ...] = ()
    recovery_s: float = 5.0
    cut: Cut | None = None
    crash: Crash | None = None
    stateful: Stateful | None = None
    interleave: Interleave | None = None

    @property
    def duration_s(self) -> float:
        """How long orders arrive, in seconds; 0 for a burst, which lasts as long as it takes."""
        return sum(phase.duration_s for phase in self.phases)
