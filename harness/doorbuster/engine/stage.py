"""What the driving of one scenario is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from doorbuster.engine.house import House
from doorbuster.model.contract import Contract
from doorbuster.model.events import Event
from doorbuster.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Stage:
    """One scenario about to be driven; ``folder`` exists, is empty, and takes what is recorded."""

    house: House
    contract: Contract
    scenario: Scenario
    seed: int
    folder: Path
    emit: Callable[[Event], None]


# Drives a stage and leaves in its folder the tables of record/tables.py as Parquet, catalogue.json and facts.json
# (engine/store.py: facts), also when it fails half way. It raises UsageError or HarnessError.
Drive = Callable[[Stage], Awaitable[None]]
