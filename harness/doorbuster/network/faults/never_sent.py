"""The request never arrives."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.faults.base import Fault, over_touched
from doorbuster.network.probe import Ending
from doorbuster.network.toxics import LimitData, Toxic


@dataclass(frozen=True)
class NeverSent(Fault):
    """The connection is closed at the first byte of a request, before the server has seen any of it."""

    kind: ClassVar[str] = "never_sent"
    endings: ClassVar[frozenset[Ending]] = frozenset({"eof", "reset"})

    def toxics(self) -> tuple[Toxic, ...]:
        return (LimitData(limit_bytes=0, stream="upstream", name=self._toxic_name("upstream")),)

    def describe(self) -> str:
        return "connections are cut at the first byte of a request"

    @property
    def proof_sql(self) -> str:
        """Attempts whose connection was closed without an answer, and that did not commit."""
        return over_touched("""
        select count(*), format('{} request{} cut off, nothing committed', count(*), if(count(*) = 1, '', 's'))
        from touched a
        where outcome = 'unknown' and code in ('eof', 'reset', 'connect_lost')
          and not exists (select 1 from made_by c where c.attempt = a.attempt)
        """)
