"""The disk takes its time to store the log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.faults.base import BadParameters, Site, SiteFault, over_touched
from doorbuster.faults.sessions import statements

MOST_MS = 100


@dataclass(frozen=True)
class SlowDisk(SiteFault):
    """Each flush of the write-ahead log takes ``flush_ms`` longer, so each commit does.

    It is the server's own ``commit_delay`` (100 ms at most) with ``fsync`` on: the session that flushes sleeps first,
    holding the lock that other commits wait for, as it would on a disk whose sync is slow. Reads, checkpoints and
    throughput of the disk are not slowed.
    """

    kind: ClassVar[str] = "slow_disk"
    flush_ms: int = 50

    def check(self) -> None:
        if not 1 <= self.flush_ms <= MOST_MS:
            raise BadParameters(f"fault {self.kind}: flush_ms is from 1 to {MOST_MS}, the most the server waits")

    @property
    def server_settings(self) -> Mapping[str, str]:
        """Without fsync there is no flush that could be slow; with siblings asked for, a lone commit would not wait."""
        return {"fsync": "on", "commit_siblings": "0"}

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        reload = "select pg_reload_conf()"
        statements(site, f"alter system set commit_delay = {self.flush_ms * 1000}", reload)
        try:
            yield
        finally:
            statements(site, "alter system reset commit_delay", reload)

    def describe(self) -> str:
        return f"each flush of the log takes {self.flush_ms} ms longer"

    @property
    def proof_sql(self) -> str:
        """Answered attempts wholly inside a window that took at least one slowed flush."""
        least_us = self.flush_ms * 1000
        return over_touched(f"""
        , inside as (
            select * from touched a where outcome = 'ok' and exists (
                select 1 from windows w where a.invoked_us >= w.applied_us and a.returned_us <= w.healed_us
            )
        )
        select count(*) filter (duration_us >= {least_us}),
               format('{{}} of {{}} answered orders took {self.flush_ms} ms or more',
                      count(*) filter (duration_us >= {least_us}), count(*))
        from inside
        """)
