"""What a drill leaves: what was done when, how each fault was recovered from, what the server said of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the journal, in seconds from the release of the buyers; ``what`` is a word such as ``applied``."""

    at_s: float
    what: str
    fault: str | None
    target: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """How one fault was recovered from.

    From its end at ``healed_s`` until the first order that went through, and until latency was normal again: as long
    as twice what 95 of 100 orders took before the first fault, ``limit_ms``. None where that was not seen before
    ``until_s``, when the next fault began (None: none did), or where nothing says what is normal.
    """

    fault: str
    kind: str
    healed_s: float
    until_s: float | None
    first_good_ms: float | None
    normal_ms: float | None
    limit_ms: float | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A message of the server's own log, the first of ``times`` like it; ``at_s`` from the release of the buyers."""

    at_s: float
    level: str
    pid: int
    text: str
    times: int
