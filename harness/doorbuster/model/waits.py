"""Where the time of orders goes, as far as samples of the server's sessions can tell."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WaitShare:
    """A share of some time, from so many ``samples``; ``low`` to ``high`` is its range of certainty, where known."""

    what: str
    share: float
    samples: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PhaseWaits:
    """What buyers' sessions were at in a phase, while an attempt was under way."""

    phase: str
    shares: tuple[WaitShare, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as ``pg_stat_statements`` counts it."""

    calls: int
    total_ms: float
    mean_ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Waits:
    """Samples of the server's sessions, taken every ``every_ms`` (median) at ``instants`` moments.

    ``tail`` splits the time of the slowest one in a hundred orders (``tail_orders``, from ``tail_from_ms`` up), from
    when each was due to its final answer. ``sentence`` says the most of it; what was too rarely sampled is not said.
    """

    every_ms: float
    instants: int
    phases: tuple[PhaseWaits, ...]
    tail_orders: int
    tail_from_ms: float | None
    tail: tuple[WaitShare, ...]
    sentence: str
    statements: tuple[Statement, ...] = ()
    server_cpu_s: float | None = None
    server_cpu_share: float | None = None
