"""How a product gets on the shelf: a row of the table with its stock, and of every table that this one points to."""

import re
from collections.abc import Iterator

from doorbuster.engine.guess.names import is_stock, is_taken, quoted, role_of, snake
from doorbuster.postgres.survey import Column, Survey, Table

_NUMBERS = re.compile(r"smallint|integer|bigint|numeric|real|double precision")
_TRUE = re.compile(r"active|published|enabled|visible|in_stock|sellable|for_sale")


def stock_column(table: Table) -> str | None:
    """The column that most likely counts what is there."""
    counts = [c.name for c in table.columns if _NUMBERS.match(c.kind) and c.name not in table.key]
    numbers = [name for name in counts if is_stock(name) and not is_taken(name)]
    best = [name for name in numbers if re.search("stock|available|on_hand|free|remaining", snake(name))]
    return next(iter(best or numbers), None)


def shelf_statements(survey: Survey, stock: Table, column: str) -> list[str]:
    """INSERTs that put ``:product`` with ``:quantity`` on the shelf, the tables that others point to first."""
    parents_first = reversed(list(_needed(survey, stock)))
    return [_insert(table, survey, column if table is stock else None) for table in parents_first]


def _needed(survey: Survey, table: Table) -> Iterator[Table]:
    """The table, and those that its key's columns point to."""
    yield table
    for name in table.key:
        if name in table.references and (parent := survey.table(table.references[name][0])) not in (None, table):
            assert parent is not None
            yield from _needed(survey, parent)


def _insert(table: Table, survey: Survey, stock: str | None) -> str:
    values = {c.name: _value(c, table, survey, stock) for c in table.columns if _is_wanted(c, table, stock)}
    names = ", ".join(map(quoted, values))
    return f"insert into {table.name} ({names}) values ({', '.join(values.values())})"


def _is_wanted(column: Column, table: Table, stock: str | None) -> bool:
    if column.name in (*table.key, stock) or column.needed:
        return True
    return bool(_TRUE.search(snake(column.name)) and column.kind == "boolean") or (
        role_of(column.name) == "price" and bool(_NUMBERS.match(column.kind))
    )


def _value(column: Column, table: Table, survey: Survey, stock: str | None) -> str:
    kind = column.kind
    if column.name in table.key:
        return f":product::{kind}"
    if column.name == stock:
        return f":quantity::{kind}"
    if role_of(column.name) == "price" and _NUMBERS.match(kind):
        return ":price::numeric" if kind == "numeric" else f"(100 * :price::numeric)::{kind}"
    return _filler(column, survey)


def _filler(column: Column, survey: Survey) -> str:
    kind = column.kind
    if kind == "boolean":
        return "true"
    if _NUMBERS.match(kind):
        return "1"
    if kind.startswith(("timestamp", "date")):
        return "now()"
    if kind == "uuid":
        return "gen_random_uuid()"
    if kind in ("json", "jsonb"):
        return f"'{{}}'::{kind}"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    return "'item'"


def customer_statements(survey: Survey, orders: Table | None, customer: str | None) -> list[str]:
    """INSERTs that make a customer, where an order points to one."""
    if orders is None or customer is None or customer not in orders.references:
        return []
    name, key = orders.references[customer]
    if (table := survey.table(name)) is None:
        return [f"insert into {name} ({quoted(key)}) values (:customer::uuid)"]  # auth.users
    values = {
        c.name: f":customer::{c.kind}" if c.name == key else _unique(c, table, survey)
        for c in table.columns if c.name == key or c.needed
    }  # fmt: skip
    return [f"insert into {name} ({', '.join(map(quoted, values))}) values ({', '.join(values.values())})"]


def _unique(column: Column, table: Table, survey: Survey) -> str:
    textual = column.kind in ("text", "character varying")
    return f":customer::{column.kind}" if column.name in table.unique and textual else _filler(column, survey)
