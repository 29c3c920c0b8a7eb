"""Orders placed for the sake of looking: each in a transaction that is rolled back, with what it did and said."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from doorbuster.config.parameters import parse_parameters
from doorbuster.drive.flow import answer_value, arguments, order_parameters
from doorbuster.model.order import Line, Order
from doorbuster.postgres.survey import Survey

Row = Mapping[str, Any]
UNITS, IN_STOCK, PRICE = 3, 10, "17.50"
CUSTOMER, KEY = "c0ffee00-0000-4000-8000-000000000001", "5eed0000-0000-4000-8000-000000000002"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to place an order, as far as it is guessed; ``product`` is the id of the product that is ordered.

    ``prepare`` fills a cart. ``capacity`` maps what there is in all, where what is left of it is written down nowhere.
    """

    shelves: tuple[str, ...]
    customer: tuple[str, ...]
    place: str
    product: str
    unknown_product: str
    prepare: tuple[str, ...] = ()
    capacity: Mapping[str, str] | None = None

    @property
    def many_lines(self) -> bool:
        """Whether a cart of several lines can be said."""
        return any(":lines" in sql for sql in (*self.prepare, self.place))


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back, and the rows that are new and those that are gone, by table; a changed row is one of each."""

    value: Any
    sqlstate: str | None
    message: str
    added: Mapping[str, tuple[Row, ...]]
    removed: Mapping[str, tuple[Row, ...]]

    @property
    def left_no_trace(self) -> bool:
        return not (self.added or self.removed)


class NoShelf(Exception):
    """The product could not be put on the shelf, or into the cart; the message says why."""


def plain_order(way: Way) -> Order:
    """The order that every trial varies: three units of one product."""
    line = Line(way.product, UNITS, PRICE)
    return Order(KEY, CUSTOMER, (line,), str(Decimal(PRICE) * UNITS))


async def try_order(
    connection: asyncpg.Connection, survey: Survey, way: Way, order: Order, in_stock: int = IN_STOCK, times: int = 1
) -> Seen:
    """Place ``order`` with ``in_stock`` units there, ``times`` in a row; the last answer, and all that was done.

    Raises:
        NoShelf: one of the statements that set the stage was refused.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        # Where a platform's API tells who asks; nobody else looks at this setting.
        claims = json.dumps({"sub": order.customer, "role": "authenticated"})
        await connection.fetch("select set_config('request.jwt.claims', $1, true)", claims)
        product = {"product": way.product, "quantity": in_stock, "price": PRICE}
        try:
            for sql in way.customer:
                await _run(connection, sql, {"customer": order.customer})
            for sql in way.shelves:
                await _run(connection, sql, product)
            for sql in way.prepare:
                await _run(connection, sql, order_parameters(order, 1))
        except (asyncpg.PostgresError, ValueError) as problem:
            raise NoShelf(f"{problem} in: {sql}") from None
        before = await _rows(connection, survey)
        value, sqlstate, message = None, None, ""
        try:
            async with connection.transaction():
                for attempt in range(1, times + 1):
                    value = await _run(connection, way.place, order_parameters(order, attempt))
        except asyncpg.PostgresError as problem:
            sqlstate, message = problem.sqlstate, str(problem)
        except ValueError as problem:
            sqlstate, message = "22P02", str(problem)
        after = await _rows(connection, survey)
        return Seen(value, sqlstate, message, *_difference(before, after))
    finally:
        await transaction.rollback()


def variations(way: Way, order: Order) -> dict[str, Order]:
    """Orders that a shop should refuse, by their class."""
    line = order.lines[0]
    return {
        "unknown_product": order._replace(lines=(line._replace(product=way.unknown_product),)),
        "zero": order._replace(lines=(line._replace(quantity=0),), total="0"),
        "negative": order._replace(lines=(line._replace(quantity=-2),), total="-35.00"),
        "empty": order._replace(lines=(), total="0"),
        "malformed": order._replace(order_class="malformed", blank="quantity"),
    }


async def _run(connection: asyncpg.Connection, sql: str, values: Mapping[str, Any]) -> Any:
    parsed = parse_parameters(sql)
    prepared = await connection.prepare(parsed.sql)
    kinds = [kind.name for kind in prepared.get_parameters()]
    rows = await prepared.fetch(*arguments(parsed.names, kinds, values))
    return answer_value(rows, [a.type.name for a in prepared.get_attributes()])[0]


async def _rows(connection: asyncpg.Connection, survey: Survey) -> dict[str, list[dict[str, Any]]]:
    names = [table.name for table in survey.tables]
    return {name: [dict(row) for row in await connection.fetch(f"select * from {name}")] for name in names}


def _difference(
    before: Mapping[str, Sequence[Row]], after: Mapping[str, Sequence[Row]]
) -> tuple[dict[str, tuple[Row, ...]], dict[str, tuple[Row, ...]]]:
    added = {table: _beyond(after[table], before[table]) for table in after}
    removed = {table: _beyond(before[table], after[table]) for table in after}
    return {t: rows for t, rows in added.items() if rows}, {t: rows for t, rows in removed.items() if rows}


def _beyond(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Row, ...]:
    left = Counter(repr(row) for row in others)
    found = []
    for row in rows:
        if left[repr(row)]:
            left[repr(row)] -= 1
        else:
            found.append(row)
    return tuple(found)
