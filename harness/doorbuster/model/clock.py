"""How far another machine's wall clock is from ours, as well as it can be known."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Ours is theirs plus ``offset_us``, within ``error_us`` either way."""

    offset_us: int = 0
    error_us: int = 0

    @property
    def early_us(self) -> int:
        """What to add to the instant at which something began: never later than it was."""
        return self.offset_us - self.error_us

    @property
    def late_us(self) -> int:
        """What to add to the instant at which something ended: never earlier than it was."""
        return self.offset_us + self.error_us


def measured(exchanges: Sequence[tuple[int, int, int]]) -> Clock:
    """The clock from exchanges of (sent, by theirs; answered, by ours; received, by theirs).

    Cristian's method: the answer was given some time between sending and receiving, so the middle is off by at most
    half of that; the quickest exchange says most.

    Raises:
        ValueError: no exchange.
    """
    sent, answered, received = min(exchanges, key=lambda e: e[2] - e[0])
    return Clock(answered - (sent + received) // 2, (received - sent + 1) // 2 + 1)


def drifted(before: Clock, after: Clock) -> Clock:
    """One clock for the time between two measurements: it was somewhere between both."""
    low = min(before.early_us, after.early_us)
    high = max(before.late_us, after.late_us)
    return Clock((low + high) // 2, (high - low + 1) // 2)
