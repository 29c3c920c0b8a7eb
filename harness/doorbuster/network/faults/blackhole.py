"""Data vanishes and nobody is told."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.faults.base import over_touched
from doorbuster.network.faults.directions import DirectedFault
from doorbuster.network.probe import Ending
from doorbuster.network.toxics import Timeout, Toxic


@dataclass(frozen=True)
class Blackhole(DirectedFault):
    """All data is dropped; connections stay open, and new ones are accepted. Healing closes those it acted on."""

    kind: ClassVar[str] = "blackhole"
    endings: ClassVar[frozenset[Ending]] = frozenset({"timeout"})

    def toxics(self) -> tuple[Toxic, ...]:
        return tuple(Timeout(timeout_ms=0, stream=way, name=self._toxic_name(way)) for way in self.streams())

    def describe(self) -> str:
        return f"all data vanishes {self.directions()}"

    @property
    def proof_sql(self) -> str:
        """Attempts that ran into their client's time limit, or hung until healing closed their connection."""
        return over_touched("""
        , hit as (
            select code in ('timeout', 'connect_timeout') as gave_up from touched
            where outcome = 'unknown' and code in ('timeout', 'connect_timeout', 'eof', 'reset', 'connect_lost')
        )
        select count(*), format('{} timed out, {} cut off when the fault was healed',
                                count(*) filter (gave_up), count(*) filter (not gave_up))
        from hit
        """)
