"""Something broken on purpose."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Link = Literal["database", "shop"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultPlan:
    """A fault on a scenario's timeline.

    ``start_s`` and ``duration_s`` count from the release of the buyers. With ``pulse_s`` the fault is on for that long,
    again every ``every_s``, so that buyers can reconnect between two pulses. ``target`` is the link that a fault of the
    network breaks: the one to the ``database``, or the one to the ``shop`` where orders go there over HTTP; None is the
    link over which the buyers order. Faults of the server and of workers have a target of their own.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    kind: str
    start_s: float
    duration_s: float
    pulse_s: float | None = None
    every_s: float | None = None
    parameters: dict[str, float] = field(default_factory=dict)
    name: str = ""
    target: Link | None = None

    @property
    def label(self) -> str:
        """The name that reports show."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """A stretch of time in which a fault was active; instants in microseconds of the wall clock.

    ``applied_us`` is before the fault could act and ``healed_us`` after it was gone, so the true window lies inside.
    """

    name: str
    kind: str
    applied_us: int
    healed_us: int
