"""The buyers' own process stands still."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from doorbuster.faults.base import CannotBreak, Site, SiteFault, over_touched
from doorbuster.host import process_table


@dataclass(frozen=True)
class WorkerStalled(SiteFault):
    """One driving process is stopped (SIGSTOP) and later continued: a shop whose own process stands still.

    Its transactions stay open and its locks held; what was due meanwhile is late, and counts as such.
    """

    kind: ClassVar[str] = "worker_stalled"
    target: ClassVar[str] = "worker"

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        workers = site.workers()
        found = process_table.identify(workers[0]) if workers else None
        if found is None:
            raise CannotBreak("no driving process runs any more")
        os.kill(found.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                process_table.send(found, signal.SIGCONT)

    def describe(self) -> str:
        return "a driving process stands still"

    @property
    def proof_sql(self) -> str:
        """Attempts that were under way all the time, and orders that were due within and begun only afterwards."""
        return over_touched("""
        , through as (
            select count(distinct a.attempt) as n from attempts a, windows w
            where a.invoked_us <= w.applied_us + 100000 and a.returned_us >= w.healed_us - 100000
              and a.duration_us >= 0.8 * (w.healed_us - w.applied_us)
        ), late as (
            select count(distinct r.order_key) as n from requests r, windows w
            where r.due_us between w.applied_us and w.healed_us and r.started_us >= w.healed_us - 100000
        )
        select through.n + late.n,
               format('{} attempts were kept waiting, {} orders that were due meanwhile began late', through.n, late.n)
        from through, late
        """)
