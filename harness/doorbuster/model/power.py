"""Does the harness catch what it must, and leave alone what is right? What a measurement of its power found.

Schema ``doorbuster.power/1``. Fields are only ever added.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import sqrt
from statistics import median
from typing import Any, Literal

SCHEMA = "doorbuster.power/1"
VariantKind = Literal["broken", "correct", "mutant"]
_Z = 1.959964  # two-sided, 95 %


class Fate(StrEnum):
    """What became of a variant in one run.

    ``mismatched`` is a broken one that was convicted, but by no check, or in no scenario, that its header names.
    ``undeployed`` and ``unusable`` are mutants that do not deploy or fail the plain order; of a variant they are an
    error. ``not asked`` is one whose shop's buyers cannot play any of the scenarios.
    """

    CONVICTED = "convicted"
    MISMATCHED = "mismatched"
    SURVIVED = "survived"
    HELD = "held"
    FALSE_ALARM = "false alarm"
    INCONCLUSIVE = "inconclusive"
    EQUIVALENT = "equivalent"
    UNDEPLOYED = "undeployed"
    UNUSABLE = "unusable"
    ERROR = "error"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Cell:
    """A variant in one scenario: its verdict, what was violated, and what it took."""

    scenario: str
    verdict: str
    violated: tuple[str, ...]
    seconds: float
    attempts: int
    schedules: int | None = None
    example: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant, put to the test once.

    ``seconds`` runs from before its SQL is deployed to the first conviction (or the end); ``attempts`` are all that
    were made up to then, ``schedules`` those of the convicting scenario up to the first that breaks.
    """

    name: str
    kind: VariantKind
    isolation: str
    seed: int
    fate: Fate
    title: str
    expected: tuple[str, ...] = ()
    convicted_by: tuple[str, ...] = ()
    scenario: str | None = None
    seconds: float = 0.0
    attempts: int = 0
    schedules: int | None = None
    cells: tuple[Cell, ...] = ()
    problem: str = ""
    operator: str = ""
    diff: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, with Wilson's 95 % interval."""

    hits: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Hits of total; 0 where there is none."""
        return self.hits / self.total if self.total else 0.0


def wilson(hits: int, total: int) -> Rate:
    """Wilson's score interval for a proportion (E. B. Wilson, 1927), at 95 %."""
    if total == 0:
        return Rate(0, 0, 0.0, 1.0)
    share, z2 = hits / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return Rate(hits, total, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class PowerResult:
    """A whole measurement. ``scenarios`` are those that were on offer, in the order in which they are tried."""

    seed: int
    times: int
    command: str
    started: str
    duration_s: float
    contract: str
    scenarios: tuple[str, ...]
    trials: tuple[Trial, ...]
    postgres: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    schema: str = SCHEMA

    def of(self, *kinds: VariantKind) -> tuple[Trial, ...]:
        """The trials of these kinds."""
        return tuple(t for t in self.trials if t.kind in kinds)

    def with_fate(self, *fates: Fate) -> tuple[Trial, ...]:
        """The trials that ended so."""
        return tuple(t for t in self.trials if t.fate in fates)

    @property
    def kill_rate(self) -> Rate:
        """Of the broken variants, or the mutants that are neither discarded nor equivalent, those convicted."""
        counted = [t for t in self.of("broken", "mutant") if t.fate not in _DISCARDED]
        return wilson(sum(t.fate is Fate.CONVICTED for t in counted), len(counted))

    @property
    def false_alarm_rate(self) -> Rate:
        """Of the correct ones, those convicted."""
        counted = [t for t in self.of("correct") if t.fate not in _DISCARDED]
        return wilson(sum(t.fate is Fate.FALSE_ALARM for t in counted), len(counted))

    @property
    def median_seconds(self) -> float | None:
        """To a conviction."""
        found = [t.seconds for t in self.with_fate(Fate.CONVICTED)]
        return median(found) if found else None

    @property
    def exit_code(self) -> int:
        """1: one that must be convicted was not, or a correct one was; 3: the harness failed; 4: nothing was shown."""
        bad = (Fate.SURVIVED, Fate.MISMATCHED, Fate.FALSE_ALARM)
        if any(t.fate in bad and t.kind != "mutant" for t in self.trials):
            return 1
        if self.error is not None or self.with_fate(Fate.ERROR):
            return 3
        if any(t.fate is Fate.SURVIVED for t in self.of("mutant")):
            return 1
        asked = [t for t in self.trials if t.fate is not Fate.NOT_ASKED]
        return 4 if not asked or self.with_fate(Fate.INCONCLUSIVE) else 0

    def as_dict(self) -> dict[str, Any]:
        """The content of ``power.json``: plain JSON types, the schema's id first, and the figures."""
        content = asdict(self)
        figures = {
            "kill_rate": asdict(self.kill_rate),
            "false_alarm_rate": asdict(self.false_alarm_rate),
            "median_seconds": self.median_seconds,
            "fates": counted(self.trials),
            "exit_code": self.exit_code,
        }
        return {"schema": content.pop("schema"), "figures": figures, **content}


_DISCARDED = (Fate.UNDEPLOYED, Fate.UNUSABLE, Fate.EQUIVALENT, Fate.NOT_ASKED)


def counted(trials: Iterable[Trial]) -> dict[str, int]:
    """How many trials ended how, the fates that occurred only."""
    found = [t.fate for t in trials]
    return {fate.value: found.count(fate) for fate in Fate if fate in found}
