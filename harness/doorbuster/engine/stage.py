"""What the driving of one scenario is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from doorbuster.engine.house import House
from doorbuster.model.contract import Contract
from doorbuster.model.distribution import Distribution
from doorbuster.model.events import Event
from doorbuster.model.scenario import Scenario


@dataclass(frozen=True, kw_only=True, slots=True)
class StageOptions:
    """What the command line wishes of a load beyond its scenario.

    ``hold_s``: how long the shop is left up afterwards for people to look at, at most. ``live``: it is judged while it
    goes on; ``stop_on_violation``: and ended at the first violation. ``web``: Locust's page is up meanwhile. ``waits``:
    what the server's sessions wait for is sampled. ``spread`` says on which processes and machines it runs.
    """

    hold_s: float = 0.0
    live: bool = False
    stop_on_violation: bool = False
    web: bool = False
    waits: bool = False
    spread: Distribution = field(default_factory=Distribution)

    @property
    def is_live(self) -> bool:
        """Whether the log is read while the load goes on."""
        return self.live or self.stop_on_violation


@dataclass(frozen=True, slots=True)
class Stage:
    """One scenario about to be driven; ``folder`` exists, is empty, and takes what is recorded."""

    house: House
    contract: Contract
    scenario: Scenario
    seed: int
    folder: Path
    emit: Callable[[Event], None]
    options: StageOptions = field(default_factory=StageOptions)


# Drives a stage and leaves in its folder the tables of record/tables.py as Parquet, catalogue.json and facts.json
# (engine/store.py: facts), also when it fails half way. It raises UsageError or HarnessError.
Drive = Callable[[Stage], Awaitable[None]]
