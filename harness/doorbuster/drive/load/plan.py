"""What a driving process needs to know, as text: it is another process, perhaps on another machine."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pydantic import RootModel

from doorbuster.drive.sql_buyer import Target
from doorbuster.model.contract import Contract
from doorbuster.model.scenario import Phase, Workload

PLAN_VARIABLE = "DOORBUSTER_PLAN"
EVENTS_VARIABLE = "DOORBUSTER_EVENTS_FD"
# What a Locust of ours takes for "no new orders"; SIGTERM would not let it wait for those in flight.
STOP_SIGNAL = signal.SIGUSR1
# Where a plan's target means the machine of whoever handed the plan out.
ANY_HOST = "0.0.0.0"
# Attempts are numbered order * TRIES + try, so that a tag in the log tells its order even if the journal was torn.
TRIES = 64
PART_ORDERS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A load to drive: orders go to ``target``; ``backstage`` is the same database around the faults.

    ``record`` is the folder for the journals, ``part`` tells those of several loads on one shop apart; ``drain_s`` is
    how long the last orders may take. ``share`` is (which, of how many): a worker takes every how-many-th order of one
    timetable that all of them draw alike. ``thresholds`` are those that may end the load.
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
    share: tuple[int, int] = (0, 1)
    thresholds: tuple[str, ...] = ()

    @property
    def series(self) -> int:
        """Which load on one shop this is: all its workers number the same orders."""
        return self.part // SERIES

    def is_mine(self, order: int) -> bool:
        """Whether the order with this number from 1 up, of the timetable, is in the share."""
        mine, of = self.share
        return order % of == mine

    def text(self) -> str:
        """As JSON."""
        return RootModel[Plan](self).model_dump_json()


# A worker's part is that of the load times this, plus which it is.
SERIES = 1000


def parse_plan(text: str) -> Plan:
    """The plan that :meth:`Plan.text` told."""
    return RootModel[Plan].model_validate_json(text).root


def write_plan(plan: Plan, path: Path) -> None:
    """Write ``plan`` to the new file ``path``, readable by its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(plan.text())


def read_plan(path: Path) -> Plan:
    """Read what :func:`write_plan` wrote."""
    return parse_plan(path.read_text())
