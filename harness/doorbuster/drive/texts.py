"""An order's parameters as the text that a server reads, where that says exactly what asyncpg's binary form says."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Self

from doorbuster.drive.flow import value_of
from doorbuster.model.order import Order

# Types of the server's, and the texts of them that mean the same whoever reads them: nothing is out of range.
_EXACT = {
    **dict.fromkeys(("text", "varchar", "bpchar", "json", "jsonb"), r"[^\0]*"),
    "int2": r"-?[0-9]{1,4}",
    "int4": r"-?[0-9]{1,9}",
    "int8": r"-?[0-9]{1,18}",
    "numeric": r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?",
    "uuid": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
}
_NUMBERS = ("quantity", "attempt")


class Texts:
    """Makes the values of a statement's parameters: ``names``, and the server's names of their types."""

    def __init__(self, names: Sequence[str], types: Sequence[str]) -> None:
        self._find = [_finder(name) for name in names]
        # One question about all of them costs a fifth of one about each.
        self._are_exact = re.compile("\0".join(_EXACT[kind] for kind in types).encode()).fullmatch

    @classmethod
    def where_exact(cls, names: Sequence[str], types: Sequence[str]) -> Self | None:
        """None where a parameter is no order's own, or of a type that has no such texts."""
        if not names or not all(value_of(name) for name in names) or not all(kind in _EXACT for kind in types):
            return None
        return cls(names, types)

    def of(self, order: Order, attempt: int) -> list[bytes] | None:
        """The values at an attempt at ``order``; None where one is null, or no text that is read in one way only."""
        try:
            together = "\0".join([find(order, attempt) for find in self._find]).encode()
        except (TypeError, UnicodeEncodeError):
            return None
        return together.split(b"\0") if self._are_exact(together) else None


def _finder(name: str) -> Callable[[Order, int], Any]:
    find = value_of(name)
    assert find is not None
    if name not in _NUMBERS:
        return find
    return lambda order, attempt: None if (value := find(order, attempt)) is None else str(value)
