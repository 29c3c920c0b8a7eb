"""A scenario's shop: its own database, its shelves, and the slot through which its log is read."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from doorbuster.drive import backstage
from doorbuster.drive.backstage import StatementFailed, stock_shelves
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.sessions import sessions_of
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.tagging import install_tag_triggers
from doorbuster.drive.workload import ShelfItem
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.engine.log_keeper import LogKeeper
from doorbuster.engine.lookout import Lookout
from doorbuster.model.contract import Contract
from doorbuster.model.server import Server
from doorbuster.postgres.connect import TROUBLE
from doorbuster.postgres.databases import Databases
from doorbuster.record.catalogue import Table, UnreadableTable, read_catalogue, save_catalogue
from doorbuster.record.final_state import Rows, read_state, write_states
from doorbuster.record.live_log import SUFFIX
from doorbuster.record.log_text import Unobservable, leave_no_log
from doorbuster.record.wal import open_witness

GRACE_S = 5.0
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@dataclass(frozen=True, slots=True)
class Shop:
    """A database that is open for business. ``direct`` reaches it around the faults; ``sessions`` is the condition for
    the sessions that place orders; ``no_log`` is why its log says nothing, if it does not: then ``first_state``
    is what was there before the first buyer."""

    direct: Target
    connection: asyncpg.Connection
    tables: tuple[Table, ...]
    slot: str
    lookout: Lookout
    sessions: str
    log: LogKeeper
    no_log: str | None = None
    first_state: Rows = ()

    async def close_and_read(self, folder: Path) -> str | None:
        """End every buyer's session, then write the log to ``folder``; why it could not be read, or None.

        The proxies must be gone by now: bytes still inside one can be executed by a session that looks idle.
        """
        save_catalogue(self.tables, folder / "catalogue.json")
        reason = self.no_log
        try:
            await self._sessions_end()
            await self.lookout.report(folder, self.connection)
            await self._end_sessions()
            if reason is None:
                await self.log.finish(self.connection, folder)
            else:
                write_states(self.first_state, await read_state(self.connection, self.tables), folder)
        except (Unobservable, *TROUBLE) as problem:
            reason = f"the log could not be read: {problem}"
            leave_no_log(folder)
        return reason

    def follow_log(self, folder: Path) -> None:
        """Have the log read into ``folder`` whenever there is much of it, from now on."""
        if self.no_log is None:
            self.log.follow(folder)

    async def stop_watching(self) -> None:
        """End what runs beside the orders."""
        await self.lookout.stop()
        await self.log.stop()

    async def _sessions_end(self) -> None:
        """Give buyers' sessions time to end; one that waits for a lock outlives its client and commits."""
        deadline = time.monotonic() + GRACE_S
        while await self._sessions() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def _end_sessions(self) -> None:
        """End what is left of them."""
        while await self._sessions():
            await self.connection.execute(
                f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {self.sessions}"
            )
            await asyncio.sleep(0.02)

    async def _sessions(self) -> int:
        return int(await self.connection.fetchval(f"select count(*) from pg_stat_activity where {self.sessions}"))


@asynccontextmanager
async def open_shop(
    server: Server, template: str, name: str, contract: Contract, items: Sequence[ShelfItem], *, live: bool = False
) -> AsyncIterator[Shop]:
    """Clone ``template`` into the database ``name``, open the log, stock the shelves; all gone at the end.

    Where others have databases on the server, ours begins with the server's prefix. Without logical decoding the shop
    is open all the same, and reading its log says why there is none. ``live``: there is a second slot, to be
    read while the load goes on; its name ends in ``SUFFIX`` of record/live_log.py.

    Raises:
        UsageError: the contract's statements or tables do not fit the database.
    """
    databases, name = Databases(server), server.prefix + name
    await databases.clone(template, name)
    target = Target(server.host, server.port, server.user, server.password, name)
    try:
        connection = await backstage.connect(target)
        shop = None
        try:
            more = [name + SUFFIX] if live else []
            shop = await open_on(server, target, connection, name, contract, items, *more)
            yield shop
        finally:
            if shop is not None:
                await shop.stop_watching()
            await _drop_slot(connection, name)
            await _drop_slot(connection, name + SUFFIX)
            connection.terminate()
    finally:
        with suppress(asyncpg.PostgresError, OSError):
            await databases.drop(name)


@asynccontextmanager
async def reconnected(shop: Shop) -> AsyncIterator[Shop]:
    """The shop with a connection that works, also where its own did not outlive a fault of the server.

    Where the server is gone it is the shop as it was, and whoever uses it says so.
    """
    connection = None
    try:
        await shop.connection.fetchval("select 1")
    except _TROUBLE:
        with suppress(*_TROUBLE):
            connection = await backstage.connect(shop.direct)
    try:
        yield shop if connection is None else replace(shop, connection=connection)
    finally:
        if connection is not None:
            connection.terminate()


async def close_shop(shop: Shop) -> None:
    """Close the log of a shop that :func:`open_on` opened."""
    await shop.stop_watching()
    await _drop_slot(shop.connection, shop.slot)


async def _drop_slot(connection: asyncpg.Connection, slot: str) -> None:
    with suppress(*TROUBLE):
        await connection.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1", slot
        )


async def open_on(
    server: Server, target: Target, connection: asyncpg.Connection, slot: str, contract: Contract,
    items: Sequence[ShelfItem], *more_slots: str,
) -> Shop:  # fmt: skip
    """Open the log of a database that is there, and stock the shelves; ``more_slots`` tell the same as ``slot``.

    Raises:
        UsageError: the contract's statements or tables do not fit the database; HarnessError: no log.
    """
    no_log = None if server.capabilities.logical else f"the server's log is no witness: {server.capabilities.lacks}"
    try:
        tables = await read_catalogue(connection, contract.tables)
        if no_log is None:
            await open_witness(connection, tables, slot, *more_slots)
        flows = [compile_flow(contract.place), *map(compile_flow, contract.operations.values())]
        if any(flow.needs_tag_triggers for flow in flows):
            await install_tag_triggers(connection, [table.printed for table in tables])
        await stock_shelves(connection, contract, items)
        first_state = await read_state(connection, tables) if no_log else ()
    except UnreadableTable as problem:
        raise UsageError("\n".join(f"{contract.name}: {told}" for told in problem.problems)) from None
    except StatementFailed as problem:
        raise UsageError(f"{contract.name}: {problem}") from None
    except asyncpg.PostgresError as problem:
        raise HarnessError(f"the log cannot be opened: {problem}") from None
    lookout = Lookout(server, target, sessions_of(contract))
    lookout.start()
    keeper = LogKeeper(slot, tables, target)
    return Shop(target, connection, tables, slot, lookout, sessions_of(contract), keeper, no_log, first_state)
