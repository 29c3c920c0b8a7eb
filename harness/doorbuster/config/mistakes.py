"""What is wrong with a user's files: everything at once, each with its place and its cure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: ``place`` is a file with a line or key, ``cure`` what to type instead (may be empty)."""

    place: str
    message: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"\n    {self.cure}" if self.cure else "")


class ConfigError(Exception):
    """A contract or scenario that cannot be used; ``mistakes`` has them all."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(m) for m in mistakes))
        self.mistakes = mistakes
