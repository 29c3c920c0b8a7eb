"""What is known of a shop while buyers still order."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LiveViolation:
    """A commit that broke a check; ``lsn`` is its place in the server's log."""

    check: str
    lsn: str
    attempt: int | None
    text: str

    @property
    def told(self) -> str:
        """It in a sentence."""
        by = f" of attempt {self.attempt}" if self.attempt is not None else ""
        return f"{self.check} at commit {self.lsn}{by}: {self.text}"


@dataclass(frozen=True, slots=True)
class LiveState:
    """The shop after the last commit that was judged: ``units_sold`` on live orders, ``stock`` of all products.

    ``violations`` counts commits by check, ``first`` tells the first of them; ``left_to_the_end`` are checks that only
    the whole log can decide for this contract.
    """

    commits: int = 0
    units_sold: int = 0
    stock: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    first: LiveViolation | None = None
    left_to_the_end: tuple[str, ...] = ()
