"""The connection is reset."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.adapter import Proxy
from doorbuster.network.faults.base import over_touched
from doorbuster.network.faults.directions import DirectedFault
from doorbuster.network.faults.places import PlacedFault
from doorbuster.network.probe import Ending
from doorbuster.network.toxics import LimitData, ResetPeer, Toxic

ARMING = "armed_reset"


@dataclass(frozen=True)
class Reset(PlacedFault, DirectedFault):
    """The first chunk to come is dropped, and after ``timeout_ms`` both ends get a TCP reset.

    With ``downstream`` (the default) the request was carried out and the answer is lost; with ``upstream`` the request
    is lost. Toxiproxy prepares a connection for resets when it opens it, so connections older than the fault see an
    orderly close, unless they were opened inside ``armed``.

    With ``after_bytes`` or ``step_bytes`` it comes at an exact place instead: after so many bytes, and ``step_bytes``
    more in each pulse than in the one before, with everything up to there delivered.
    """

    kind: ClassVar[str] = "reset"
    endings: ClassVar[frozenset[Ending]] = frozenset({"reset"})
    upstream: bool = False
    timeout_ms: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether it comes after a number of bytes."""
        return bool(self.after_bytes or self.step_bytes)

    def toxics(self) -> tuple[Toxic, ...]:
        if self.is_exact:  # an armed connection's close is a reset
            return tuple(
                LimitData(limit_bytes=self.after_bytes, stream=way, name=self._toxic_name(way))
                for way in self.streams()
            )
        return tuple(
            ResetPeer(timeout_ms=self.timeout_ms, stream=way, name=self._toxic_name(way)) for way in self.streams()
        )

    @contextmanager
    def armed(self, proxy: Proxy) -> Iterator[None]:
        """Connections opened inside get real resets from this fault. Their every other close is a reset, too.

        A ``reset_peer`` that never acts (toxicity 0) is enough for Toxiproxy to set SO_LINGER to 0 on both sockets of
        a new connection.
        """
        if ARMING in proxy.toxics():  # another reset on the timeline has armed it, for at least as long
            yield
            return
        proxy.add(ResetPeer(toxicity=0.0, name=ARMING))
        try:
            yield
        finally:
            proxy.remove(ARMING)

    def describe(self) -> str:
        if self.is_exact:
            further = f", {self.step_bytes} bytes later in each pulse" if self.step_bytes else ""
            return f"connections are reset after {self.after_bytes} bytes {self.directions()}{further}"
        after = f" after {self.timeout_ms} ms" if self.timeout_ms else ""
        return f"connections are reset{after} at the first data {self.directions()}"

    @property
    def proof_sql(self) -> str:
        """Attempts whose connection was reset or closed, each counted."""
        return over_touched("""
        , hit as (
            select code from touched where outcome = 'unknown' and code in ('reset', 'eof', 'connect_lost')
        )
        select count(*), format('{} connection{} reset, {} closed in order, {} lost while connecting',
                                count(*) filter (code = 'reset'), if(count(*) filter (code = 'reset') = 1, '', 's'),
                                count(*) filter (code = 'eof'), count(*) filter (code = 'connect_lost'))
        from hit
        """)
