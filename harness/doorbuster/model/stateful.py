"""How small workloads are drawn: one order at a time, and small crowds at once."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class Stateful:
    """Settings of a scenario of kind ``stateful``.

    With ``examples``, first every input class alone, then that many random sequences of up to ``steps`` orders, of
    which a failing one is shrunk for at most ``shrink_s`` seconds. Then ``crowds`` times a few ``buyers`` at once (an
    inclusive range), released together, mostly behind a row lock that the harness holds until all of them wait.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    examples: int = 25
    steps: int = 8
    shrink_s: float = 5.0
    crowds: int = 0
    buyers: tuple[int, int] = (2, 4)
