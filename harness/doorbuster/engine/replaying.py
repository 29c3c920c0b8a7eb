"""A recorded schedule, read back from its file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorbuster.drive.interleave.explore import Gathering, parse_schedule
from doorbuster.engine.schedules import SCHEDULE_SCHEMA
from doorbuster.engine.store import RUN_FILE
from doorbuster.model.result import ScenarioResult


class NotASchedule(Exception):
    """A file that holds no schedule; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A schedule that broke ``checks``; ``contract`` is the file it was found with, None where it left its run."""

    contract: Path | None
    crowd: str
    buyers: int
    isolation: str
    schedule: str
    seed: int
    checks: tuple[str, ...]

    def scenario(self, times: int) -> dict[str, Any]:
        """A scenario that runs it so many times, and nothing else."""
        return {
            "name": "replay",
            "kind": "interleave",
            "description": f"A recorded schedule, {times} times.",
            "interleave": {
                "crowds": [self.crowd], "buyers": self.buyers, "isolation": [self.isolation], "only": self.schedule,
                "times": times,
            },
            "checks": {"require": ["deadlock"] if "deadlock" in self.checks else []},
        }  # fmt: skip


def read_schedule(path: Path) -> Recorded:
    """The schedule in the file.

    Raises:
        NotASchedule: it holds none.
    """
    try:
        told = json.loads(path.read_text())
        if not isinstance(told, dict) or told.get("schema") != SCHEDULE_SCHEMA:
            raise NotASchedule(f"{path}: holds no schedule ({SCHEDULE_SCHEMA}); runs leave them in SCENARIO/schedules/")
        wanted = parse_schedule(told["schedule"])
        steps = wanted.arrivals if isinstance(wanted, Gathering) else wanted.choices
        if not all(1 <= step <= told["buyers"] for step in steps):
            raise NotASchedule(f"{path}: damaged: a step of a buyer who is not there")
        return Recorded(
            _contract_of(path), told["crowd"], told["buyers"], told["isolation"],
            told["schedule"], int(told["seed"]), tuple(told["checks"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise NotASchedule(f"{path}: damaged: {problem!r}") from None


def _contract_of(path: Path) -> Path | None:
    """The contract of the run in whose folder the schedule lies: RUN/SCENARIO/schedules/FILE."""
    try:
        return Path(json.loads((path.resolve().parents[2] / RUN_FILE).read_text())["contract"]["path"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def came_back(result: ScenarioResult, recorded: Recorded) -> tuple[int, int]:
    """How many of the replays broke one of its checks again, and how many could be followed at all."""
    crowds = (result.schedules or {}).get("crowds", ())
    back = max((sum(c["broken"].get(check, 0) for c in crowds) for check in recorded.checks), default=0)
    return back, sum(c["explored"] + c["gathered"] - c["infeasible"] for c in crowds)
