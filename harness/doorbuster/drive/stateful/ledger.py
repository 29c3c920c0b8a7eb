"""What the shop's tables say right now, by the contract's mappings, asked of the database itself.

The mappings are DuckDB's expressions; nearly all mean the same to PostgreSQL. Where one does not, there is no ledger,
and only the log judges afterwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import asyncpg

from doorbuster.model.contract import Contract


@dataclass(frozen=True, slots=True)
class Sums:
    """Units by product: in stock, on order lines, in the movements (signed); and the number of live orders."""

    stock: dict[str, int]
    lines: dict[str, int]
    moved: dict[str, int]
    orders: int


class Ledger:
    """Reads :class:`Sums` over one connection."""

    def __init__(self, statement: "asyncpg.prepared_stmt.PreparedStatement") -> None:
        self._statement = statement

    @classmethod
    async def open(cls, connection: asyncpg.Connection, contract: Contract) -> Self | None:
        """A ledger, or None where PostgreSQL does not take the contract's expressions, or they stand on own queries.

        None, too, where products consist of others: then stock is not counted in what is ordered.
        """
        if contract.consumption is not None or any(mapping.sql is not None for mapping in contract.mappings):
            return None
        try:
            ledger = cls(await connection.prepare(ledger_sql(contract)))
            await ledger.look([])
        except asyncpg.PostgresError:
            return None
        return ledger

    async def look(self, products: Sequence[str]) -> Sums:
        """The sums of ``products``, and of all orders."""
        sums: dict[str, dict[str, int]] = {"stock": {}, "lines": {}, "moved": {}, "orders": {}}
        for row in await self._statement.fetch(list(products)):
            sums[row["what"]][row["product"]] = int(row["units"])
        return Sums(sums["stock"], sums["lines"], sums["moved"], sums["orders"].get("", 0))


def ledger_sql(contract: Contract) -> str:
    """The query behind :class:`Sums`; its only parameter is the array of products."""
    parts = " union all ".join(_parts(contract))
    return f"select what, product, sum(units)::numeric as units from ({parts}) as every group by what, product"


def _parts(contract: Contract) -> Iterator[str]:
    for stock in contract.stock:
        yield _by_product("stock", stock.table, stock.product, stock.quantity, stock.live)
    lines, moved, orders = contract.lines, contract.movements, contract.orders
    yield _by_product("lines", lines.table, lines.product, lines.quantity, lines.live)
    if moved is not None:
        yield _by_product("moved", moved.table, moved.product, moved.change, moved.live)
    if orders is not None:
        yield f"select 'orders', '', count(*) from {orders.table} where {orders.live}"
    else:
        yield f"select 'orders', '', count(distinct ({lines.order})) from {lines.table} where {lines.live}"


def _by_product(what: str, table: str, product: str, units: str, live: str) -> str:
    return (
        f"select '{what}' as what, ({product})::text as product, ({units})::numeric as units "
        f"from {table} where ({product})::text = any($1::text[]) and ({live})"
    )
