"""How a violation came about: who did what when, as far as the two witnesses saw it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoryCommit:
    """A transaction: its number in commit order, when it committed, and what it did, in words."""

    commit: int
    at_ms: float
    did: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoryAttempt:
    """One attempt's part. ``to_ms`` is None where no answer ever came; ``rival`` marks an attempt of another order."""

    attempt: int
    order_key: str
    try_no: int
    outcome: str
    from_ms: float
    to_ms: float | None
    said: str
    rival: bool
    commits: tuple[StoryCommit, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The attempts around a violation, the first to begin first; milliseconds count from ``began``, an ISO instant."""

    began: str
    attempts: tuple[StoryAttempt, ...]
