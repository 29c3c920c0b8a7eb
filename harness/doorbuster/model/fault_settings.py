"""A fault's settings, whatever it breaks: how a scenario gives them, and the query that proves that it acted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

# The run's attempts during which the fault was active for at least a moment. The window's edges lie outside the true
# ones, and an attempt that never returned may still have been there.
TOUCHED = """
with windows as (
    select applied_us, healed_us from fault_windows where name = $name
), touched as (
    select * from attempts a
    where exists (
        select 1 from windows w
        where a.invoked_us <= w.healed_us and (a.returned_us is null or a.returned_us >= w.applied_us)
    )
)
"""


def over_touched(sql: str) -> str:
    """The query ``sql`` with two tables put before it: the fault's ``windows``, and the attempts they ``touched``."""
    return TOUCHED + sql


class BadParameters(ValueError):
    """A fault was given a parameter it does not know, or a value out of bounds."""


@dataclass(frozen=True)
class FaultSettings:
    """Settings of a fault. Subclasses are frozen dataclasses whose fields carry their units; ``kind`` is the name in
    scenarios, ``target`` what it breaks."""

    kind: ClassVar[str]
    target: ClassVar[str]

    def __post_init__(self) -> None:
        self.check()

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, object]) -> Self:
        """The fault with these parameters. Raises BadParameters for an unknown name (naming the known) or a bad value.

        Scenario files know numbers only: 1.0 is taken for a whole number, and 0 and 1 for no and yes.
        """
        kinds = {item.name: item.type for item in fields(cls)}
        if unknown := sorted(set(parameters) - set(kinds)):
            known = ", ".join(kinds) or "none"
            raise BadParameters(f"fault {cls.kind}: unknown parameter {', '.join(unknown)}; known: {known}")
        return cls(**{name: _value(cls.kind, name, value, kinds[name]) for name, value in parameters.items()})

    def check(self) -> None:
        """Raises BadParameters where the settings make no sense together."""

    def pulse(self, number: int) -> Self:
        """The fault as it acts in its pulse ``number``, from 0: mostly the same every time."""
        return self

    def describe(self) -> str:
        """The fault in a report's words."""
        return f"{self.kind} ({', '.join(f'{item.name}={getattr(self, item.name)}' for item in fields(self))})"

    @property
    def proof_sql(self) -> str:
        """A DuckDB query, parameter ``$name`` (the fault's label), for one row (marks BIGINT, sentence VARCHAR)."""
        return over_touched("""
        select count(*), format('{} attempt{} without an answer', count(*), if(count(*) = 1, '', 's'))
        from touched where outcome = 'unknown'
        """)


def _value(kind: str, name: str, value: object, wanted: Any) -> object:
    """The value as the field's type; a number that does not fit is refused."""
    if wanted is bool and value in (0, 1):
        return bool(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if wanted is float:
            return float(value)
        if wanted is int and value == int(value):
            return int(value)
    words = {bool: "true or false", int: "a whole number", float: "a number"}
    if wanted in words:
        raise BadParameters(f"fault {kind}: {name} is {words[wanted]}, not {value!r}")
    return value
