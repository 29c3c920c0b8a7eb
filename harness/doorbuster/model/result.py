"""The result of a run: what ``result.json`` holds and every report is drawn from.

Schema ``doorbuster.result/1``. Fields are only ever added.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from doorbuster.model.check import CheckResult, ThresholdResult
from doorbuster.model.comparison import Comparison
from doorbuster.model.drill import Happening, LogLine, Recovery
from doorbuster.model.scenario import Kind
from doorbuster.model.stall import Stall
from doorbuster.model.verdict import Verdict
from doorbuster.model.waits import Waits

SCHEMA = "doorbuster.result/1"


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase's figures. Latency is per order, from due to final answer, from raw samples.

    ``rate`` is the mean rate asked for. ``late`` orders started more than 10 ms after they were due, the latest of them
    ``late_max_ms``; ``dropped`` ones never were. ``connects`` orders had to wait for a connection, for at most
    ``connect_max_ms`` (their latency contains it). ``throughput`` is orders answered a second.
    """

    name: str
    rate: float | None
    orders: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    late: int
    dropped: int
    throughput: float
    late_max_ms: float = 0.0
    connects: int = 0
    connect_max_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultResult:
    """One fault: seconds from the release of the buyers, and the mark it left (``marks`` 0: it did not happen).

    ``target`` is what it struck, where that is known: a link, the server, a worker.
    """

    name: str
    kind: str
    started_s: float
    ended_s: float
    proof: str
    marks: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Latency over time: one bucket of ``width_s`` seconds from ``start_s``; for the report's chart."""

    start_s: float
    orders: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    unhappy: int


@dataclass(frozen=True, slots=True)
class OutcomePoint:
    """How many attempts ended how, in one bucket of time from ``start_s``."""

    start_s: float
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class StockLine:
    """A product's stock, and the units of it on live orders, as they stood from each instant of ``at_s`` on."""

    product: str
    at_s: tuple[float, ...]
    stock: tuple[float, ...]
    sold: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario's conclusion and figures."""

    name: str
    kind: Kind
    verdict: Verdict
    duration_s: float
    seed: int
    attempts: int
    orders: int
    outcomes: dict[str, int]
    commits: int
    unknown_committed: int
    phases: tuple[PhaseResult, ...]
    faults: tuple[FaultResult, ...]
    thresholds: tuple[ThresholdResult, ...]
    checks: tuple[CheckResult, ...]
    description: str = ""
    attribution: str = ""
    timeline: tuple[LatencyPoint, ...] = ()
    fault_windows: tuple[tuple[str, float, float], ...] = ()
    error: str | None = None
    schedules: dict[str, Any] | None = None
    cuts: dict[str, Any] | None = None
    crashes: dict[str, Any] | None = None
    outcomes_over_time: tuple[OutcomePoint, ...] = ()
    stock_over_time: tuple[StockLine, ...] = ()
    replay: str | None = None
    stalls: tuple[Stall, ...] = ()
    journal: tuple[Happening, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    server_log: tuple[LogLine, ...] = ()
    live: dict[str, Any] | None = None
    stopped: str | None = None
    waits: Waits | None = None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A statement of the shop's: its file and line, in which function, which parts of the mapping it ``touches``."""

    file: str
    line: int
    function: str
    touches: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run. ``started`` is ISO 8601 with offset; ``duration_s`` excludes the writing of reports.

    ``not_reached`` are the scenarios for which a ``budget_s``, in seconds, was too short.
    """

    verdict: Verdict
    exit_code: int
    seed: int
    started: str
    duration_s: float
    command: str
    postgres: dict[str, str]
    toxiproxy: dict[str, str]
    contract: dict[str, str]
    scenarios: tuple[ScenarioResult, ...]
    environment: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    error: str | None = None
    sources: tuple[SourceLine, ...] = ()
    budget_s: float | None = None
    not_reached: tuple[str, ...] = ()
    comparison: Comparison | None = None
    schema: str = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """The content of ``result.json``: plain JSON types, the schema's id first."""
        content = asdict(self)
        return {"schema": content.pop("schema"), **content}
