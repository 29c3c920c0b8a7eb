"""One experiment."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from doorbuster.model.contract import OperationKind
from doorbuster.model.crash import Crash
from doorbuster.model.cut import Cut
from doorbuster.model.fault import FaultPlan
from doorbuster.model.interleave import Interleave
from doorbuster.model.stateful import Stateful

_STRICT = {"extra": "forbid"}

Kind = Literal["load", "stateful", "interleave", "cut", "crash"]
Profile = Literal["constant", "ramp", "steps", "spike", "flash_sale"]
Spacing = Literal["even", "poisson"]
ScenarioSet = Literal["quick", "gate", "full"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of a load; rates are in orders a second, instants in seconds from the phase's start.

    ``profile``: ``constant`` is ``rate`` all along. ``ramp`` goes evenly from ``rate`` to ``to_rate``, ``steps`` in
    ``steps`` equal steps, the first at ``rate``. ``spike`` is ``rate``, but ``to_rate`` for ``width_s`` seconds from
    ``at_s`` on (without ``at_s``, in the middle). ``flash_sale`` is quiet at ``rate``; at ``at_s`` ``stampede`` orders
    are due at one instant; then a tail falls from ``to_rate`` back to ``rate`` within ``width_s`` seconds.
    ``spacing`` overrides the workload's.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    duration_s: float
    rate: float
    profile: Profile = "constant"
    to_rate: float | None = None
    steps: int = 4
    at_s: float | None = None
    width_s: float = 1.0
    stampede: int = 0
    spacing: Spacing | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What is on the shelves and who wants it.

    ``arrivals``: ``rate`` is an open model, orders are due on a timetable, by ``phases``; ``burst`` releases all buyers
    at one instant at one product with ``stock`` left, ``rounds`` times, each with a product of its own; ``closed`` lets
    every buyer order again ``think_s`` seconds after an answer (half to one and a half of it, evenly drawn), for
    ``duration_s`` seconds; without a duration, until somebody stops it.
    ``lines`` and ``quantity`` are inclusive ranges, of distinct products a cart and of units a line.
    ``popularity``: all products alike (``uniform``), the n-th as 1/n^``skew`` (``zipf``), or ``hot_share`` of all lines
    among the first ``hot`` products (``hot``). A share ``repeat`` of the orders comes from ``regulars`` customers who
    order again and again; every other order has a customer of its own.

    ``restock``, ``cancel`` and ``release`` are shares of the orders that went through, after which the shop does that,
    too, as its contract says: one unit more of the first product, the end of this order (now and then twice at once).
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
    duration_s: float | None = None
    spacing: Spacing = "poisson"
    popularity: Literal["uniform", "zipf", "hot"] = "uniform"
    skew: float = 1.0
    hot: int = 1
    hot_share: float = 0.8
    repeat: float = 0.0
    regulars: int = 50
    restock: float = 0.0
    cancel: float = 0.0
    release: float = 0.0

    @property
    def operations(self) -> dict[OperationKind, float]:
        """The shares of the operations that are mixed in."""
        shares: dict[OperationKind, float] = {"restock": self.restock, "cancel": self.cancel, "release": self.release}
        return {kind: share for kind, share in shares.items() if share > 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which checks a scenario requires to be exercised, turns into warnings, or turns off.

    ``accept_unobservable``: a run may pass though these could not be seen, such as where a server keeps no log for us.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    require: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    accept_unobservable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A contract's experiment: a workload, faults on a timeline, checks and thresholds.

    ``needs``: what a contract must have for the scenario to be part of a set: a shop behind HTTP (``shop``), or
    something that it does besides placing orders (``operations``).
    ``workload`` and ``phases`` are for kind ``load``; each other kind has a table of its own name with its settings.
    A threshold reads ``p99 < 500ms`` or ``error_rate < 0.1% in steady``, the last word naming a phase; one that ends in
    ``abort_on_fail`` or ``abort_on_fail after 5s`` ends the load once it is broken.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    name: str
    kind: Kind
    description: str
    needs: tuple[Literal["shop", "operations"], ...] = ()
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
