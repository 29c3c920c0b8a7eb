"""Where the effects of an order are: read off the rows that a trial order of three units changed and added."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Number
from typing import Any

from doorbuster.engine.guess.names import is_change, is_stock, quoted, role_of
from doorbuster.engine.guess.trials import CUSTOMER, IN_STOCK, KEY, PRICE, UNITS, Row, Seen
from doorbuster.postgres.survey import Survey, Table

Mapping_ = dict[str, str]


@dataclass(frozen=True, slots=True)
class Effects:
    """The mappings as a contract has them, with why; ``order_id`` is that of the trial's order, as text."""

    stock: Mapping_
    orders: Mapping_ | None
    lines: Mapping_
    movements: Mapping_ | None
    order_id: str
    why: Mapping[str, str]


def read_effects(survey: Survey, seen: Seen, product: str) -> Effects | None:
    """The mappings that explain what the trial did; None where no stock fell or no line was written."""
    stock = next(_stocks(survey, seen, product), None)
    if stock is None:
        return None
    lines = next(_lines(survey, seen, product, stock["table"]), None)
    if lines is None:
        return None
    line_table, line_row = _table_row(survey, seen, lines["table"])
    order_table, order_row, link = _order_of(survey, seen, line_table, line_row)
    lines["order"] = quoted(link)
    order_id = str(line_row[link])
    orders = _orders(order_table, order_row) if order_table else None
    movements = next(_movements(survey, seen, product, lines["table"], order_id), None)
    why = {
        "stock": f"{stock['quantity']} fell by {UNITS}",
        "lines": f"a new row with {lines['product']} {product} and {lines['quantity']} {UNITS}",
    }
    return Effects(stock, orders, lines, movements, order_id, why)


def _is(value: Any, wanted: object) -> bool:
    """Equal as a number, or as text."""
    if isinstance(value, bool) or value is None:
        return False
    try:
        return Decimal(str(value)) == Decimal(str(wanted))
    except ArithmeticError:
        return str(value) == str(wanted)


def _numbers(row: Row) -> dict[str, Decimal]:
    return {k: Decimal(str(v)) for k, v in row.items() if isinstance(v, Number) and not isinstance(v, bool)}


def _stocks(survey: Survey, seen: Seen, product: str) -> Iterator[Mapping_]:
    for name, gone in seen.removed.items():
        table, (old, new) = survey.table(name), (gone[0], seen.added.get(name, ({},))[0])
        assert table is not None
        of = _product_column(table, new, product, "")
        before, after = _numbers(old), _numbers(new)
        fell = sorted((c for c in after if before.get(c, after[c]) - after[c] == UNITS), key=lambda c: not is_stock(c))
        rose = [c for c in after if after[c] - before.get(c, after[c]) == UNITS]
        whole = [c for c in after if after[c] == IN_STOCK and c != of]
        if of and fell:
            yield {"table": name, "product": quoted(of), "quantity": quoted(fell[0])}
        elif of and rose and whole:
            others = [c for c in after if c not in (of, whole[0], *rose) and after[c] == 0 and is_stock(c)]
            less = "".join(f" - {quoted(c)}" for c in (rose[0], *others))
            yield {"table": name, "product": quoted(of), "quantity": f"{quoted(whole[0])}{less}"}


def _product_column(table: Table, row: Row, product: str, stock_table: str) -> str | None:
    """The column that holds the product's id: one that points to the stock, one with a name for it, or the key."""
    found = [c for c, v in row.items() if _is(v, product) or str(v) == product]
    ranked = sorted(
        found,
        key=lambda c: (table.references.get(c, ("",))[0] != stock_table, role_of(c) != "product", c not in table.key),
    )
    return ranked[0] if ranked else None


def _lines(survey: Survey, seen: Seen, product: str, stock_table: str) -> Iterator[Mapping_]:
    found = []
    for name, rows in seen.added.items():
        table, row = survey.table(name), rows[0]
        if table is None or name in seen.removed:
            continue
        units = sorted((c for c, v in row.items() if _is(v, UNITS)), key=lambda c: role_of(c) != "quantity")
        of = _product_column(table, row, product, stock_table)
        if of is None or not units or of == units[0]:
            continue
        mapping = {"table": name, "order": "", "product": quoted(of), "quantity": quoted(units[0])}
        prices = [c for c, v in row.items() if role_of(c) == "price" and _is(v, PRICE)]
        if prices:
            mapping["price"] = quoted(prices[0])
        found.append((is_change(units[0]) and role_of(units[0]) != "quantity", -len(mapping), mapping))
    yield from (mapping for _, _, mapping in sorted(found, key=lambda f: f[:2]))


def _table_row(survey: Survey, seen: Seen, name: str) -> tuple[Table, Row]:
    table = survey.table(name)
    assert table is not None
    return table, seen.added[name][0]


def _order_of(survey: Survey, seen: Seen, lines: Table, line: Row) -> tuple[Table | None, Row, str]:
    """The order's table and row, and the line's column that points to it; a line may be the order itself."""
    for column, (target, key) in lines.references.items():
        table = survey.table(target)
        rows = seen.added.get(table.name, ()) if table and table is not lines else ()
        if table and rows and table.name not in seen.removed and line[column] == rows[0][key]:
            return table, rows[0], column
    for name, rows in seen.added.items():
        table = survey.table(name)
        if table is None or table is lines or name in seen.removed or len(table.key) != 1:
            continue
        linked = [c for c, v in line.items() if v is not None and v == rows[0][table.key[0]] and c not in lines.key]
        if linked and any(str(v) == CUSTOMER for v in rows[0].values()):
            return table, rows[0], linked[0]
    return lines, line, lines.key[0] if lines.key else next(iter(line))


def _orders(table: Table, row: Row) -> Mapping_:
    mapping = {"table": table.name, "id": quoted(table.key[0] if table.key else next(iter(row)))}
    total = Decimal(PRICE) * UNITS
    for column, value in row.items():
        role = role_of(column)
        if str(value) == KEY:
            mapping["order_key"] = quoted(column)
        elif str(value) == CUSTOMER:
            mapping.setdefault("customer", quoted(column))
        elif role == "total" and _is(value, total):
            mapping["total"] = quoted(column)
        elif role == "status" and isinstance(value, str):
            mapping["live"] = f"{quoted(column)} <> 'cancelled'"
    return mapping


def _movements(survey: Survey, seen: Seen, product: str, lines: str, order_id: str) -> Iterator[Mapping_]:
    for name, rows in seen.added.items():
        table, row = survey.table(name), rows[0]
        if table is None or name == lines or name in seen.removed:
            continue
        of = _product_column(table, row, product, "")
        moved = [c for c, v in row.items() if _is(v, -UNITS)]
        if of and moved:
            mapping = {"table": name, "product": quoted(of), "change": quoted(moved[0])}
            same = [c for c, v in row.items() if str(v) == order_id and c not in (of, *table.key)]
            by = [c for c in same if "order" in c.lower() or c in table.references]
            yield mapping | ({"order": quoted(by[0])} if by else {})
