"""What a fault is: a frozen dataclass of settings that says which toxics it consists of, or how it applies and heals.

Everything else has a default. A new fault is one file beside this one and one line in the registry of the package.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.model.fault_settings import TOUCHED, BadParameters, FaultSettings, over_touched
from doorbuster.network.adapter import Proxy
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone
from doorbuster.network.probe import SSL_REQUEST, Ending, Exchange, exchange
from doorbuster.network.toxics import BadToxic, Toxic

__all__ = ["TOUCHED", "BadParameters", "Fault", "Mark", "applied", "over_touched"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a fault left: how many ``marks`` (0: it did not happen), and a sentence that says which."""

    marks: int
    sentence: str


@dataclass(frozen=True)
class Fault(FaultSettings):
    """A network fault's settings and behaviour. The core is ``toxics``, or else ``apply`` and ``heal``."""

    target: ClassVar[str] = "database"
    endings: ClassVar[frozenset[Ending]] = frozenset()
    """The endings of a probe that only this fault explains."""

    def check(self) -> None:
        """Raises BadParameters where the settings make no sense together."""
        try:
            self.toxics()
        except BadToxic as error:
            raise BadParameters(f"fault {self.kind}: {error}") from error

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
