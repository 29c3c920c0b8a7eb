"""The server dies, and a restarted one takes its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.faults.base import Site, SiteFault, over_touched


@dataclass(frozen=True)
class Failover(SiteFault):
    """SIGKILL to every process of the server; when the fault is over it is restarted at the same address, and recovers.

    So a shop meets what it meets in a failover to a server on the same disk: broken connections, refused ones, then
    crash recovery. A standby that lags behind, and so loses what was acknowledged, is not simulated.
    """

    kind: ClassVar[str] = "failover"

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        site.server.kill()
        try:
            yield
        finally:
            site.server.restart()

    def describe(self) -> str:
        return "the server is killed; a restarted one takes its place"

    @property
    def proof_sql(self) -> str:
        """Attempts whose connection broke, or that got none, and those that had to connect anew soon afterwards."""
        return over_touched("""
        , hit as (
            select starts_with(code, 'connect_') as got_none from touched
            where outcome = 'unknown' and code in ('eof', 'reset', 'connect_lost', 'connect_refused', 'connect_timeout')
               or code in ('57P01', '57P02', '57P03')
        ), anew as (
            select count(distinct a.attempt) as n from attempts a semi join connects using (attempt), windows w
            where a.invoked_us between w.applied_us and w.healed_us + 2000000
        )
        select broken + refused + anew.n, format('{} connection{} broken, {} not made, {} made anew', broken,
                                                if(broken = 1, '', 's'), refused, anew.n)
        from anew, (select count(*) filter (not got_none) as broken, count(*) filter (got_none) as refused from hit)
        """)
