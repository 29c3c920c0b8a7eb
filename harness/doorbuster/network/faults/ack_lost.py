"""The answer is lost."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.faults.base import over_touched
from doorbuster.network.faults.places import PlacedFault
from doorbuster.network.probe import Ending
from doorbuster.network.toxics import LimitData, Toxic


@dataclass(frozen=True)
class AckLost(PlacedFault):
    """The connection is closed at the first byte of an answer, so what was asked has happened and nobody is told.

    ``after_bytes`` more bytes pass first, and ``step_bytes`` more in each pulse than in the one before: so a flow of
    several calls loses its connection at one call after the other.
    """

    kind: ClassVar[str] = "ack_lost"
    endings: ClassVar[frozenset[Ending]] = frozenset({"eof", "reset"})

    def toxics(self) -> tuple[Toxic, ...]:
        limit = LimitData(limit_bytes=self.after_bytes, stream="downstream", name=self._toxic_name("downstream"))
        return (limit,)

    def describe(self) -> str:
        if self.step_bytes:
            return f"connections are cut in the middle of answers, {self.step_bytes} bytes later in each pulse"
        where = f"after {self.after_bytes} bytes of answers" if self.after_bytes else "at the first byte of an answer"
        return f"connections are cut {where}"

    @property
    def proof_sql(self) -> str:
        """Attempts whose connection was closed without an answer though they had committed."""
        return over_touched("""
        select count(*), format('{} answer{} lost after the order had committed', count(*), if(count(*) = 1, '', 's'))
        from touched a
        where outcome = 'unknown' and code in ('eof', 'reset')
          and exists (select 1 from made_by c where c.attempt = a.attempt)
        """)
