"""No connection is left."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

import asyncpg

from doorbuster.faults.base import Site, SiteFault, over_touched
from doorbuster.faults.sessions import CONNECT_S, session
from doorbuster.host.loop_thread import LoopThread

TAKING_S = 5.0
LOOK_S = 0.05
QUIET_LOOKS = 2
AT_ONCE = 8
_END = """
select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = $2"""


@dataclass(frozen=True)
class ConnectionsExhausted(SiteFault):
    """Idle sessions hold every connection that the server has, the reserved ones included, and buyers' are ended.

    So buyers, who must connect anew, are told "too many clients already" (53300), as when an application leaks
    connections until the server has none. The limit itself (``max_connections``) is the server's own.
    """

    kind: ClassVar[str] = "connections_exhausted"

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        loop = LoopThread()
        crowd = _Crowd(site)
        try:
            loop.wait(crowd.take_all())
            yield
        finally:
            try:
                loop.wait(crowd.leave())
            finally:
                loop.close()

    def describe(self) -> str:
        return "all connections are taken, and buyers' sessions ended"

    @property
    def proof_sql(self) -> str:
        """Attempts that were told there is no connection left."""
        return over_touched("""
        select count(*), format('{} attempt{} told that there are too many clients', count(*),
                                if(count(*) = 1, ' was', 's were'))
        from touched
        where code = '53300' or code = 'connect_lost' and starts_with(message, 'TooManyConnectionsError')
        """)


class _Crowd:
    """The sessions that take the place of the buyers'."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._held: list[asyncpg.Connection] = []
        self._keeper: asyncio.Future[None] | None = None

    async def take_all(self) -> None:
        """Take every place: end the buyers' sessions, and be faster than they are until none gets in any more."""
        control = await session(self._site)
        self._held.append(control)
        deadline, quiet = time.monotonic() + TAKING_S, 0
        while quiet < QUIET_LOOKS and time.monotonic() < deadline:
            if await self._take_what_is_free(control):
                quiet = 0
            else:
                quiet += 1
                await asyncio.sleep(LOOK_S)
        self._keeper = asyncio.ensure_future(self._keep(control))

    async def _keep(self, control: asyncpg.Connection) -> None:
        """A place becomes free a moment after its session has ended, and whoever is first gets it."""
        while True:
            if not await self._take_what_is_free(control):
                await asyncio.sleep(LOOK_S)

    async def _take_what_is_free(self, control: asyncpg.Connection) -> bool:
        """Whether there was a place, or a buyer on one. Several of ours knock at once, as several buyers do."""
        ended = await control.fetch(_END, self._site.buyers, self._site.database)
        taken = await asyncio.gather(*(self._take_one() for _ in range(AT_ONCE)))
        return bool(ended) or any(taken)

    async def _take_one(self) -> bool:
        try:
            self._held.append(await session(self._site, CONNECT_S))
        except asyncpg.TooManyConnectionsError:
            return False
        return True

    async def leave(self) -> None:
        """Give all of them back; one that the server has broken off meanwhile is gone already."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        for connection in self._held:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError):
                connection.terminate()
        self._held.clear()
