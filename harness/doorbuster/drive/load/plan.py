"""What the driving process needs to know, as a file: it is another process, perhaps on another machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import RootModel

from doorbuster.drive.sql_buyer import Target
from doorbuster.model.contract import Contract
from doorbuster.model.scenario import Phase, Workload

PLAN_VARIABLE = "DOORBUSTER_PLAN"
EVENTS_VARIABLE = "DOORBUSTER_EVENTS_FD"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A load to drive: orders go to ``target``; ``backstage`` is the same database around the faults.

    ``record`` is the folder for the journals, ``part`` tells those of several loads on one shop apart; ``drain_s`` is
    how long the last orders may take.
    """

    contract: Contract
    workload: Workload
    phases: tuple[Phase, ...]
    target: Target
    backstage: Target
    seed: int
    record: str
    drain_s: float
    part: int = 0


def write_plan(plan: Plan, path: Path) -> None:
    """Write ``plan`` to the new file ``path``, readable by its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(RootModel[Plan](plan).model_dump_json())


def read_plan(path: Path) -> Plan:
    """Read what :func:`write_plan` wrote."""
    return RootModel[Plan].model_validate_json(path.read_text()).root
