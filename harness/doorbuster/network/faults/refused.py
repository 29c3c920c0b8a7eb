"""Nobody listens."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.adapter import Proxy
from doorbuster.network.faults.base import Fault, over_touched
from doorbuster.network.probe import Ending


@dataclass(frozen=True)
class Refused(Fault):
    """Existing connections are closed and new ones refused."""

    kind: ClassVar[str] = "refused"
    endings: ClassVar[frozenset[Ending]] = frozenset({"connect_refused"})

    def apply(self, proxy: Proxy) -> None:
        proxy.disable()

    def heal(self, proxy: Proxy) -> None:
        proxy.enable()

    def describe(self) -> str:
        return "connections are closed and new ones refused"

    @property
    def proof_sql(self) -> str:
        """Attempts that could not connect, or whose connection was closed."""
        return over_touched("""
        , hit as (
            select code = 'connect_refused' as refused from touched
            where outcome = 'unknown' and code in ('connect_refused', 'eof', 'reset', 'connect_lost')
        )
        select count(*), format('{} connection{} refused, {} closed', count(*) filter (refused),
                                if(count(*) filter (refused) = 1, '', 's'), count(*) filter (not refused))
        from hit
        """)
