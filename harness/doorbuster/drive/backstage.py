"""What happens beside the orders, over a connection that no fault touches: shelves, customers, prepared carts."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from doorbuster.config.parameters import parse_parameters
from doorbuster.drive.flow import arguments, order_parameters
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import Contract
from doorbuster.model.order import Order
from doorbuster.record.wal import tag

APPLICATION = "doorbuster backstage"
PATIENCE_S, PAUSE_S = 30.0, 0.05


class StatementFailed(Exception):
    """A statement of the contract that the database refused; ``key`` says which one."""

    def __init__(self, key: str, sql: str, problem: Exception) -> None:
        super().__init__(f"{key}: {problem}\n    in: {' '.join(sql.split())[:300]}")
        self.key = key


async def connect(target: Target) -> asyncpg.Connection:
    """A connection to ``target`` that is not a buyer's.

    Raises:
        OSError, asyncpg.PostgresError: no connection.
    """
    return await asyncpg.connect(
        host=target.host, port=target.port, user=target.user, password=target.password, database=target.database,
        ssl=False, timeout=20, server_settings={"application_name": APPLICATION},
    )  # fmt: skip


async def stock_shelves(connection: asyncpg.Connection, contract: Contract, items: Iterable[ShelfItem]) -> None:
    """Put ``items`` on the shelf in one transaction that is tagged as the harness's own.

    Raises:
        StatementFailed: the database refused one of the contract's statements.
    """
    async with connection.transaction():
        await connection.execute(tag("stock"))
        await _execute_all(connection, "shelves.once", contract.shelves.once, [{}])
        await _put_on_shelf(connection, contract, items)


async def add_products(connection: asyncpg.Connection, contract: Contract, items: Iterable[ShelfItem]) -> None:
    """Put more products on the shelf of a shop that is open, in one transaction of the harness's own.

    Raises:
        StatementFailed: the database refused one of the contract's statements.
    """
    async with connection.transaction():
        await connection.execute(tag("stock"))
        await _put_on_shelf(connection, contract, items)


async def _put_on_shelf(connection: asyncpg.Connection, contract: Contract, items: Iterable[ShelfItem]) -> None:
    values = [{"product": i.product, "price": i.price, "quantity": i.units} for i in items]
    await _execute_all(connection, "shelves.product", contract.shelves.product, values)


class Backstage:
    """Makes an order's customer and runs ``place.prepare``, once an order, before its first attempt.

    ``remember``: customers come again, and each is made once only.
    """

    def __init__(self, contract: Contract, target: Target, *, remember: bool = False) -> None:
        self._known: set[str] | None = set() if remember else None
        self._customer = contract.shelves.customer
        self._prepare = contract.place.prepare
        self._target = target
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to be done for an order."""
        return bool(self._customer or self._prepare)

    async def prepare(self, order: Order) -> None:
        """Raises StatementFailed where the database refuses."""
        if not self.is_needed:
            return
        async with self._lock:
            if self._connection is None:
                self._connection = await connect(self._target)
            await self._prepare_over(self._connection, order)

    async def has_prepared(self, order: Order) -> bool:
        """As :meth:`prepare`, for a server that may be broken on purpose: it is waited for, for a limited time.

        False where the server was gone in the middle. Whether the order is prepared is then not known, and to do it
        again could fill its cart twice: such an order is not to be placed.
        """
        if not self.is_needed:
            return True
        async with self._lock:
            connection = await self._patiently_connected()
            try:
                await self._prepare_over(connection, order)
            except (OSError, StatementFailed, asyncpg.PostgresError, asyncpg.InterfaceError):
                if not connection.is_closed():
                    raise
                self.close()
                return False
        return True

    async def _patiently_connected(self) -> asyncpg.Connection:
        deadline = time.monotonic() + PATIENCE_S
        while self._connection is None or self._connection.is_closed():
            try:
                self._connection = await connect(self._target)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_S)
        return self._connection

    async def _prepare_over(self, connection: asyncpg.Connection, order: Order) -> None:
        async with connection.transaction():
            await connection.execute(tag("prepare"))
            if self._known is None or order.customer not in self._known:
                customer = [{"customer": order.customer}]
                await _execute_all(connection, "shelves.customer", self._customer, customer)
            await _execute_all(connection, "place.prepare", self._prepare, [order_parameters(order, 0)])
        if self._known is not None:
            self._known.add(order.customer)

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def _execute_all(
    connection: asyncpg.Connection, key: str, statements: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    for number, sql in enumerate(statements):
        parsed = parse_parameters(sql)
        try:
            prepared = await connection.prepare(parsed.sql)
            types = [kind.name for kind in prepared.get_parameters()]
            await prepared.executemany([arguments(parsed.names, types, row) for row in rows])
        except asyncpg.IndeterminateDatatypeError as problem:
            hint = f"{problem}; give the parameter a type, as in :{parsed.names[0]}::uuid"
            raise StatementFailed(f"{key}.{number}", sql, ValueError(hint)) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as problem:
            raise StatementFailed(f"{key}.{number}", sql, problem) from None
