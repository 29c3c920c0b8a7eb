"""From a stored run to the canonical tables that checks read."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from doorbuster.host.resources import resource
from doorbuster.judge.rows import create_images
from doorbuster.model.contract import Contract, LinesMapping, MovementsMapping, OrdersMapping, StockMapping
from doorbuster.record.catalogue import Table
from doorbuster.record.seal import quoted
from doorbuster.record.tables import TABLES

MEMORY_LIMIT = "2GiB"


class BadMapping(Exception):
    """An expression of the contract's mapping that DuckDB does not take; names the mapping and quotes the error."""


def open_run(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the stored tables of a scenario's ``folder`` in it.

    Raises:
        duckdb.Error: a file is missing or damaged.
    """
    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(folder / "spill")})
    connection.execute("set TimeZone = 'UTC'")
    for table, columns in TABLES.items():
        source = quoted(folder / f"{table}.parquet")
        connection.execute(f"create table {table} as select {', '.join(columns)} from read_parquet({source})")
    return connection


def create_views(connection: duckdb.DuckDBPyConnection, contract: Contract, tables: Sequence[Table]) -> None:
    """Create the events by the contract's mapping, and the canonical tables over them.

    Raises:
        BadMapping, LogNotUnderstood: the contract's expressions or the log do not fit the tables.
    """
    images = {}
    for number, table in enumerate(tables):
        images[table.name] = f"image_{number}"
        create_images(connection, table, images[table.name])
        # Rows that were there before the log began are told by a touch; what they were before it is no change.
        connection.execute(
            f"delete from image_{number} "
            "where _sign = -1 and _commit in (select commit from commits where tag = 'initial')"
        )
    _create_settings(connection, contract)
    _create_events(connection, contract, images)
    for statement in connection.extract_statements(resource("sql/views.sql").read_text()):
        connection.execute(statement)


def _create_settings(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    connection.execute(
        "create table settings as select ?::bool as multi_step, ?::bool as eventual, "
        "?::bool as negative_stock_allowed, ?::bool as has_movements",
        [
            len(contract.place.calls) > 1,
            contract.rules.atomicity == "eventual",
            contract.rules.negative_stock == "allowed",
            contract.movements is not None,
        ],
    )


def _create_events(connection: duckdb.DuckDBPyConnection, contract: Contract, images: dict[str, str]) -> None:
    stock = [_stock(mapping, images[mapping.table], n) for n, mapping in enumerate(contract.stock)]
    _create(connection, "stock_events", " union all ".join(stock), "[[stock]]")
    _create(connection, "line_events", _lines(contract.lines, images[contract.lines.table]), "[lines]")
    if contract.orders is not None:
        query = _orders(contract.orders, images[contract.orders.table])
    else:  # an order is then whatever has a line
        query = """select commit, order_id, delta_rows as delta, null::varchar as order_key, null::varchar as customer,
                          null::decimal(38,9) as total from line_events"""
    _create(connection, "order_events", query, "[orders]")
    moved = contract.movements
    query = _movements(moved, images[moved.table]) if moved else _NO_MOVEMENTS
    _create(connection, "movement_events", query, "[movements]")


_NO_MOVEMENTS = """
    select 0::bigint as commit, null::varchar as order_id, null::varchar as product, 0 as delta where false"""


def _create(connection: duckdb.DuckDBPyConnection, name: str, query: str, section: str) -> None:
    try:
        connection.execute(f"create table {name} as {query}")
    except duckdb.Error as problem:
        raise BadMapping(f"{section}: {str(problem).splitlines()[0]}") from None


def _stock(mapping: StockMapping, image: str, number: int) -> str:
    return f"""
        select _commit as commit, '{number}/' || _entry as entry, ({mapping.product})::varchar as product,
               sum(_sign * case when {mapping.live} then ({mapping.quantity}) else 0 end) as delta
        from {image} group by all having delta <> 0"""


def _orders(mapping: OrdersMapping, image: str) -> str:
    optional = {name: getattr(mapping, name) or "null" for name in ("order_key", "customer", "total")}
    return f"""
        select _commit as commit, ({mapping.id})::varchar as order_id,
               _sign * case when {mapping.live} then 1 else 0 end as delta,
               ({optional["order_key"]})::varchar as order_key, ({optional["customer"]})::varchar as customer,
               ({optional["total"]})::decimal(38,9) as total
        from {image}"""


def _lines(mapping: LinesMapping, image: str) -> str:
    return f"""
        select _commit as commit, ({mapping.order})::varchar as order_id, ({mapping.product})::varchar as product,
               sum(_sign * case when {mapping.live} then ({mapping.quantity}) else 0 end) as delta,
               sum(_sign * case when {mapping.live} then 1 else 0 end) as delta_rows,
               sum(_sign * case when {mapping.live} then ({mapping.quantity}) * ({mapping.price or "null"}) else 0 end)
                   as amount
        from {image} group by all having delta <> 0 or delta_rows <> 0"""


def _movements(mapping: MovementsMapping, image: str) -> str:
    return f"""
        select _commit as commit, ({mapping.order or "null"})::varchar as order_id,
               ({mapping.product})::varchar as product,
               sum(_sign * case when {mapping.live} then ({mapping.change}) else 0 end) as delta
        from {image} group by all having delta <> 0"""
