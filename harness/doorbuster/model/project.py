"""What a team says about its gate: the contract, which scenarios, its own checks, and what is waived until when."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A violation that is known, and let pass until ``expires``, that day included; then it fails the gate.

    ``scenario`` may be ``*``: all of them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    check: str
    reason: str
    expires: date
    scenario: str = "*"

    def covers(self, scenario: str, check: str) -> bool:
        """Whether a violation of ``check`` in ``scenario`` is meant."""
        return check == self.check and self.scenario in ("*", scenario)


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A ``doorbuster.toml``. Paths count from its folder; ``checks`` (SQL) and ``faults`` (Python) may be globs.

    ``scenarios`` are names of standing ones or paths, instead of all of ``set``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT
    contract: str
    set: Literal["quick", "gate", "full"] | None = None
    scenarios: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    waive: tuple[Waiver, ...] = ()
