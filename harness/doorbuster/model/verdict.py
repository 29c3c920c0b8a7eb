"""What a run concludes, and the exit code that says so."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A run's conclusion, in order of precedence: the first that applies is the run's."""

    VIOLATION = "violation"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    SLOW = "slow"
    PASS = "pass"

    @property
    def exit_code(self) -> int:
        """The process exit code; 2 (usage) and 130 (interrupted) are no verdicts."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.VIOLATION: 1,
    Verdict.ERROR: 3,
    Verdict.INCONCLUSIVE: 4,
    Verdict.SLOW: 5,
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole from those of its parts; nothing ran is ``INCONCLUSIVE``, never a pass."""
    return min(verdicts, key=list(Verdict).index, default=Verdict.INCONCLUSIVE)
