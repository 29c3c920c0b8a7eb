"""What a run tells its listeners while it goes on. The engine emits these and knows no reporter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from doorbuster.model.live import LiveState
from doorbuster.model.result import RunResult, ScenarioResult


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; ``folder`` is where its files go; ``scenarios`` are the names to come, in order."""

    folder: Path
    contract: str
    scenarios: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Preparing:
    """Set-up that can take long: ``text`` says what (building Toxiproxy, making a template)."""

    text: str


@dataclass(frozen=True, slots=True)
class ScenarioStarted:
    """A scenario begins."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scenario is: ``done`` of ``total`` orders (schedules, cuts, …), and what happened so far.

    ``live`` is what the log says of the shop by now, where it is judged while the load goes on.
    """

    scenario: str
    done: int
    total: int
    outcomes: dict[str, int]
    active_fault: str | None = None
    live: LiveState | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """A scenario's driving is over; its log is being read and judged."""

    scenario: str


@dataclass(frozen=True, slots=True)
class ScenarioFinished:
    """A scenario is judged."""

    result: ScenarioResult


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a user should know that is no result."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over, also when it failed or was interrupted."""

    folder: Path
    result: RunResult


Event = RunStarted | Preparing | ScenarioStarted | Progress | Judging | ScenarioFinished | Notice | RunFinished


class Listener(Protocol):
    """Anything that wants to know how a run goes. An exception in one is reported and does not stop the others."""

    def on(self, event: Event) -> None:
        """Take one event; called from one thread, in order."""
