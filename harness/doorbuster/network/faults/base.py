"""What a fault is: a frozen dataclass of settings that says which toxics it consists of, or how it applies and heals.

Everything else has a default. A new fault is one file beside this one and one line in the registry of the package.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from doorbuster.network.adapter import Proxy
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.probe import SSL_REQUEST, Ending, Exchange, exchange
from doorbuster.network.toxics import BadToxic, Toxic

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


@dataclass(frozen=True, slots=True)
class Mark:
    """What a fault left: how many ``marks`` (0: it did not happen), and a sentence that says which."""

    marks: int
    sentence: str


@dataclass(frozen=True)
class Fault:
    """A fault's settings and behaviour. Subclasses are frozen dataclasses whose fields carry their units.

    ``kind`` is the name in scenarios. The core is ``toxics``, or else ``apply`` and ``heal``.
    """

    kind: ClassVar[str]
    endings: ClassVar[frozenset[Ending]] = frozenset()
    """The endings of a probe that only this fault explains."""

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
        try:
            self.toxics()
        except BadToxic as error:
            raise BadParameters(f"fault {self.kind}: {error}") from error

    def pulse(self, number: int) -> Self:
        """The fault as it acts in its pulse ``number``, from 0: mostly the same every time."""
        return self

    def toxics(self) -> tuple[Toxic, ...]:
        """The toxics that make up the fault."""
        return ()

    def apply(self, proxy: Proxy) -> None:
        """Makes the fault act. Raises ToxiproxyError."""
        for toxic in self.toxics():
            proxy.add(toxic)

    def heal(self, proxy: Proxy) -> None:
        """Ends the fault and no other; right also after an ``apply`` that failed half-way. Raises ToxiproxyError."""
        for toxic in self.toxics():
            proxy.remove(toxic.name)

    def armed(self, proxy: Proxy) -> AbstractContextManager[None]:
        """What must stand before the buyers connect for the fault to act on their connections; mostly nothing."""
        return nullcontext()

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

    def seen_in(self, seen: Exchange) -> bool:
        """Whether a probe's exchange shows the fault."""
        return seen.ending in self.endings

    def probe(self, proxy: Proxy, request: bytes = SSL_REQUEST, timeout_s: float = 1.0) -> Mark:
        """One exchange through the proxy on a connection of its own, to see the fault without a run."""
        seen = exchange(proxy.host, proxy.port, request, timeout_s)
        return Mark(int(self.seen_in(seen)), f"a probe ended in {seen.ending} after {seen.duration_us / 1000:.1f} ms")

    def _toxic_name(self, what: str) -> str:
        return f"{self.kind}_{what}"


@contextmanager
def applied(fault: Fault, proxy: Proxy) -> Iterator[None]:
    """The fault acts on the proxy for the length of the block, and is healed on every way out.

    Where healing fails, the proxy is rebuilt on its port, which closes its connections and ends other faults on it;
    where that fails too, Toxiproxy is killed (ToxiproxyGone): better no network than a broken one nobody knows of.
    Every call blocks for milliseconds; where Toxiproxy hangs, for its time limit.
    """
    try:
        fault.apply(proxy)
        yield
    finally:
        _heal(fault, proxy)


def _heal(fault: Fault, proxy: Proxy) -> None:
    try:
        fault.heal(proxy)
    except ToxiproxyGone:
        raise
    except ToxiproxyError:
        proxy.rebuild()


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
