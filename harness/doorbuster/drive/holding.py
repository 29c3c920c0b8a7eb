"""Holding the row that buyers want, so that they gather behind it and then go on at once.

While it is held, every buyer runs up to the statement that wants it, and stops there with whatever it has read so far.
That shows races between two statements and inside one, without knowing anything of the function.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import Contract

LONGEST_HOLD_S = 0.04
POLL_S = 0.001
_WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


class RowHolder:
    """Locks a product's stock rows over a connection of its own; ``held`` counts how often there were any."""

    def __init__(self, connection: asyncpg.Connection, contract: Contract) -> None:
        self._connection = connection
        self._stock = contract.stock[0]
        self._can_hold = True
        self.held = 0

    @asynccontextmanager
    async def holding(self, item: ShelfItem | None) -> AsyncIterator[None]:
        """Hold ``item``, or nothing, for the length of the block."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            if item is not None:
                await self._hold(item)
            yield
        finally:
            with suppress(asyncpg.PostgresError):
                await transaction.rollback()

    async def _hold(self, item: ShelfItem) -> None:
        """Lock the product's stock rows; nothing where its mapping says nothing to PostgreSQL or it is no row's."""
        if not self._can_hold:
            return
        sql = f"select 1 from {self._stock.table} where ({self._stock.product})::text = $1 for update"
        try:
            async with self._connection.transaction():
                self.held += len(await self._connection.fetch(sql, item.product)) > 0
        except asyncpg.PostgresError:
            self._can_hold = False

    async def until_stuck(self, tasks: Sequence["asyncio.Future[Any]"]) -> None:
        """Wait until everybody waits for a lock or is done, but not long: some never want this one."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_HOLD_S
        while loop.time() < deadline:
            await asyncio.sleep(POLL_S)
            left = sum(not task.done() for task in tasks)
            if int(await self._connection.fetchval(_WAITING)) >= left:
                return
