"""How a product gets on the shelf: a row of the table with its stock, and of every table that this one points to.

Stock may be a column; a row a unit; the sum of a ledger; or nowhere, where it is a capacity less what is booked.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from doorbuster.engine.guess.names import is_stock, is_taken, quoted, role_of, snake
from doorbuster.engine.guess.texts import Text
from doorbuster.postgres.survey import Column, Survey, Table

_NUMBERS = re.compile(r"smallint|integer|bigint|numeric|real|double precision")
_TRUE = re.compile(r"active|published|enabled|visible|in_stock|sellable|for_sale")
_MOVED = re.compile(r"change|delta|diff|moved|movement|quantity|qty|units|amount")
_MANY = "generate_series(1, :quantity::int) as n"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A guess at where stock stands: the statements that put ``:product`` on it, and the type of its id.

    ``keys`` are the columns that the id fills. ``capacity`` maps what there is in all, where what is left of it is
    written down nowhere.
    """

    statements: tuple[str, ...]
    kind: str
    keys: tuple[str, ...]
    capacity: Mapping[str, str] | None = None


def shelves(found: Survey, text: Text) -> Iterator[Shelf]:
    """Where the stock of what a function sells may stand, the likeliest first."""
    written = _tables(found, [*(table for table, _ in text.lowers), *text.updates])
    counted = [table for table in written if stock_column(table) and table.key]
    yield from (by_column(found, table) for table in counted)
    inserted = _tables(found, text.inserts)
    yield from (shelf for table in written if (shelf := _by_units(found, table, inserted)))
    yield from (shelf for table in inserted if (shelf := _by_ledger(found, table)))
    if not counted:
        yield from (by_column(found, table) for table in found.tables if stock_column(table) and table.key)
    yield from (shelf for table in inserted if (shelf := _by_capacity(found, table)))


def _tables(found: Survey, names: list[str]) -> list[Table]:
    return [table for name in dict.fromkeys(names) if (table := found.table(name))]


def stock_column(table: Table) -> str | None:
    """The column that most likely counts what is there."""
    counts = [c.name for c in table.columns if _is_number(c) and c.name not in table.key]
    numbers = [name for name in counts if is_stock(name) and not is_taken(name)]
    best = [name for name in numbers if re.search("stock|available|on_hand|free|remaining", snake(name))]
    return next(iter(best or numbers), None)


def by_column(found: Survey, stock: Table) -> Shelf:
    """Stock is a column of ``stock``."""
    column = stock_column(stock)
    assert column is not None
    return Shelf(_statements(found, stock, stock.key, {column: ":quantity"}), _kind(stock, stock.key), stock.key)


def _by_units(found: Survey, units: Table, inserted: list[Table]) -> Shelf | None:
    """A row a unit, free as long as it points to nothing that an order makes."""
    orders = {table.name for table in inserted}
    taken = [c for c, (target, _) in units.references.items() if target in orders and not units.column(c).needed]
    of = _product_column(units)
    if not taken or of is None:
        return None
    numbered = [c for c in units.key if c != of and units.column(c).needed and units.column(c).kind != "uuid"]
    values = {c: f"n::{units.column(c).kind}" for c in numbered}
    return Shelf(_statements(found, units, (of,), values, rows=_MANY), _kind(units, (of,)), (of,))


def _by_ledger(found: Survey, ledger: Table) -> Shelf | None:
    """Stock is the sum of a table of movements."""
    of = _product_column(ledger)
    moved = [c.name for c in ledger.columns if _is_number(c) and c.name not in (*ledger.key, of)
             and c.name not in ledger.references and _MOVED.search(snake(c.name))]  # fmt: skip
    if of is None or not moved:
        return None
    return Shelf(_statements(found, ledger, (of,), {moved[0]: ":quantity"}), _kind(ledger, (of,)), (of,))


def _by_capacity(found: Survey, bookings: Table) -> Shelf | None:
    """Stock is a number beside the product, less what is booked of it."""
    of = _product_column(bookings)
    parent = found.table(bookings.references[of][0]) if of and of in bookings.references else None
    if parent is None or len(parent.key) != 1:
        return None
    numbers = [c.name for c in parent.columns if _is_number(c) and c.name not in parent.key
               and c.name not in parent.references and role_of(c.name) != "price"]  # fmt: skip
    if len(numbers) != 1:
        return None
    capacity = {"table": parent.name, "product": quoted(parent.key[0]), "quantity": quoted(numbers[0])}
    made = _statements(found, parent, parent.key, {numbers[0]: ":quantity"})
    return Shelf(made, _kind(parent, parent.key), parent.key, capacity)


def _product_column(table: Table) -> str | None:
    """The column by which a row is of a product: one with a name for it, that points to another table if one does."""
    named = [c.name for c in table.columns if role_of(c.name) == "product"]
    return next((name for name in named if name in table.references), next(iter(named), None))


def _kind(table: Table, keys: tuple[str, ...]) -> str:
    """The type of a product's id: of the key's column that may be one."""
    named = [name for name in keys if role_of(name) == "product" or name == "id"] or list(keys)
    kind = table.column(named[0]).kind
    return "text" if kind.startswith(("character varying", "character", "citext")) else kind


def _is_number(column: Column) -> bool:
    return bool(_NUMBERS.match(column.kind))


def _statements(
    found: Survey, table: Table, keys: tuple[str, ...], values: Mapping[str, str], rows: str = ""
) -> tuple[str, ...]:
    """INSERTs that put ``:product`` on the shelf, the tables that others point to first; ``values`` are the table's
    own, beside its ``keys``; ``rows``: one for each of these."""
    parents = {parent.name: parent for key in keys for parent in _parents(found, table, key)}
    made = [_insert(parent, parent.key, {}) for parent in reversed(parents.values())]
    return (*made, _insert(table, keys, values, rows))


def _parents(found: Survey, table: Table, key: str) -> Iterator[Table]:
    """The table that a column points to, and those that its own key points to."""
    if key in table.references and (parent := found.table(table.references[key][0])) not in (None, table):
        assert parent is not None
        yield parent
        for name in parent.key:
            yield from _parents(found, parent, name)


def _insert(table: Table, keys: tuple[str, ...], values: Mapping[str, str], rows: str = "") -> str:
    given = {
        c.name: _value(c, keys, values) for c in table.columns
        if c.name in (*keys, *values) or c.needed or _is_welcome(c)
    }  # fmt: skip
    names = ", ".join(map(quoted, given))
    over = " overriding system value" if any(table.column(name).always for name in given) else ""
    told = ", ".join(given.values())
    return f"insert into {table.name} ({names}){over} " + (f"select {told} from {rows}" if rows else f"values ({told})")


def _is_welcome(column: Column) -> bool:
    if column.kind == "boolean":
        return bool(_TRUE.search(snake(column.name)))
    return role_of(column.name) == "price" and _is_number(column)


def _value(column: Column, keys: tuple[str, ...], values: Mapping[str, str]) -> str:
    if column.name in keys:
        return f":product::{column.kind}"
    if column.name in values:
        value = values[column.name]
        return f"{value}::{column.kind}" if value == ":quantity" else value
    if role_of(column.name) == "price" and _is_number(column):
        return ":price::numeric" if column.kind == "numeric" else f"(100 * :price::numeric)::{column.kind}"
    return filler(column)


def filler(column: Column) -> str:
    """Something for a column that has to be given."""
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
        c.name: f":customer::{c.kind}" if c.name == key else _unique(c, table)
        for c in table.columns if c.name == key or c.needed
    }  # fmt: skip
    return [f"insert into {name} ({', '.join(map(quoted, values))}) values ({', '.join(values.values())})"]


def _unique(column: Column, table: Table) -> str:
    textual = column.kind in ("text", "character varying")
    return f":customer::{column.kind}" if column.name in table.unique and textual else filler(column)
