"""The server stands still, and goes on as if nothing had been."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.faults.base import Site, SiteFault, over_touched


@dataclass(frozen=True)
class ServerStalled(SiteFault):
    """Every process of the server is stopped (SIGSTOP) and later continued, as a virtual machine that is paused.

    Connections stay open, new ones are accepted by the kernel and answered by nobody, locks stay held.
    """

    kind: ClassVar[str] = "server_stalled"

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        site.server.pause()
        try:
            yield
        finally:
            site.server.resume()

    def describe(self) -> str:
        return "all processes of the server stand still"

    @property
    def proof_sql(self) -> str:
        """Attempts that were kept waiting for half of a window or more, or gave up in it."""
        return over_touched("""
        , met as (
            select a.attempt, a.outcome, a.code, w.applied_us, w.healed_us,
                   least(coalesce(a.returned_us, w.healed_us), w.healed_us) - greatest(a.invoked_us, w.applied_us) as us
            from touched a join windows w on a.invoked_us <= w.healed_us
              and coalesce(a.returned_us, 9223372036854775807) >= w.applied_us
        )
        select count(*) filter (us >= 0.5 * (healed_us - applied_us)
                                or outcome = 'unknown' and code in ('timeout', 'connect_timeout')),
               format('{} attempts waited for half of it or more, {} gave up',
                      count(*) filter (us >= 0.5 * (healed_us - applied_us)),
                      count(*) filter (outcome = 'unknown' and code in ('timeout', 'connect_timeout')))
        from met
        """)
