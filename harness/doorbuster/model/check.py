"""Checks, thresholds, and what became of them."""

from dataclasses import dataclass
from enum import StrEnum

from doorbuster.model.story import Story


class CheckStatus(StrEnum):
    """What became of a check. Only ``HOLDS`` is a pass."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNEXERCISED = "unexercised"
    UNOBSERVABLE = "unobservable"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class CheckText:
    """A check as it stands in its file: ``violations`` selects them, ``exercised`` counts what put it to the test.

    ``needs`` names the optional parts of a contract without which it does not apply, ``rests_on`` what must be
    trustworthy ("clock"); a threshold's violation makes a run slow, not wrong. ``place`` is the file, the lines are
    where its queries begin: errors point there.
    ``without_log``: "judges" where it does not look at the log, "convicts" where a violation can be seen in the final
    state alone, else nothing. A row whose column ``only_a_warning`` is true does not convict.
    """

    name: str
    means: str
    sound: str
    exercised_by: str
    violations: str
    exercised: str
    needs: tuple[str, ...] = ()
    is_threshold: bool = False
    rests_on: tuple[str, ...] = ()
    place: str = ""
    violations_line: int = 1
    exercised_line: int = 1
    without_log: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: ``violations`` and ``exercised`` are counts; ``rows`` at most the first ten violations.

    ``story`` tells how the first of them came about; ``accepted``: the scenario lets it pass though it was not seen.
    Where the contract says nothing of what the check looks at, it does not ``apply``: it is off, and nobody turned it
    off.
    """

    name: str
    status: CheckStatus
    violations: int = 0
    exercised: int = 0
    reason: str | None = None
    example: dict[str, object] | None = None
    replay: str | None = None
    rows: tuple[dict[str, object], ...] = ()
    required: bool = False
    story: Story | None = None
    accepted: bool = False
    applies: bool = True


class ThresholdStatus(StrEnum):
    """A threshold without enough samples is never met."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNEXERCISED = "unexercised"


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """The result of a threshold; ``value`` is in the expression's own unit."""

    expression: str
    phase: str | None
    value: float | None
    samples: int
    status: ThresholdStatus
