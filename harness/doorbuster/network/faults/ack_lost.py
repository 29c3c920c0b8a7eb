"""The answer is lost."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.faults.base import Fault, over_touched
from doorbuster.network.probe import Ending
from doorbuster.network.toxics import LimitData, Toxic


@dataclass(frozen=True)
class AckLost(Fault):
    """The connection is closed at the first byte of an answer, so what was asked has happened and nobody is told."""

    kind: ClassVar[str] = "ack_lost"
    endings: ClassVar[frozenset[Ending]] = frozenset({"eof", "reset"})

    def toxics(self) -> tuple[Toxic, ...]:
        return (LimitData(limit_bytes=0, stream="downstream", name=self._toxic_name("downstream")),)

    def describe(self) -> str:
        return "connections are cut at the first byte of an answer"

    @property
    def proof_sql(self) -> str:
        """Attempts whose connection was closed without an answer though they had committed."""
        return over_touched("""
        select count(*), format('{} answer{} lost after the order had committed', count(*), if(count(*) = 1, '', 's'))
        from touched a
        where outcome = 'unknown' and code in ('eof', 'reset')
          and exists (select 1 from commits c where c.attempt = a.attempt)
        """)
