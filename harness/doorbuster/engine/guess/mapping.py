"""Where the effects of an order are: read off the rows that a trial order of three units changed and added."""

import json
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

    stock: tuple[Mapping_, ...]
    orders: Mapping_ | None
    lines: Mapping_
    movements: Mapping_ | None
    order_id: str
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sale:
    """Where units went from, and where to: mappings, and why the stock's is believed."""

    stock: tuple[Mapping_, ...]
    lines: Mapping_
    why: str
    lines_why: str = ""


def read_effects(survey: Survey, seen: Seen, product: str, capacity: Mapping[str, str] | None = None) -> Effects | None:
    """The mappings that explain what the trial did; None where no stock fell or no line was written.

    ``capacity`` is the mapping of what was put on the shelf, where nothing else could be the stock.
    """
    sale = (
        _from_a_column(survey, seen, product) or _from_rows(survey, seen, product)
        or _from_a_ledger(survey, seen, product) or _from_a_capacity(survey, seen, product, capacity)
    )  # fmt: skip
    if sale is None:
        return None
    lines = dict(sale.lines)
    line_table, line_row = _table_row(survey, seen, lines["table"])
    order_table, order_row, link = _order_of(survey, seen, line_table, line_row)
    if "sql" not in lines:
        lines["order"] = quoted(link)
    order_id = str(line_row[link])
    orders = _orders(order_table, order_row) if order_table else None
    movements = next(_movements(survey, seen, product, lines["table"], order_id), None)
    told = f"a new row with {lines['product']} {product} and {lines['quantity']} {UNITS}"
    why = {"stock": sale.why, "lines": sale.lines_why or told}
    return Effects(sale.stock, orders, lines, movements, order_id, why)


def _from_a_column(survey: Survey, seen: Seen, product: str) -> Sale | None:
    stock = next(_stocks(survey, seen, product), None)
    if stock is None:
        return None
    why = f"{stock['quantity']} fell by {UNITS}"
    lines = next(_lines(survey, seen, product, stock["table"]), None)
    if lines is not None:
        return Sale((stock,), lines, why)
    document = next(_json_lines(survey, seen, product), None)
    return Sale((stock,), document, why, "a document of lines in the new row, read by a query") if document else None


def _from_rows(survey: Survey, seen: Seen, product: str) -> Sale | None:
    """Rows that each were a unit: so many that were free point to one thing now."""
    for name, gone in seen.removed.items():
        table, taken = survey.table(name), seen.added.get(name, ())
        if table is None or len(gone) != UNITS or len(taken) != UNITS:
            continue
        of = _product_column(table, taken[0], product, "")
        owners = [c for c in table.references if {row[c] for row in gone} == {None}
                  and len({row[c] for row in taken} - {None}) == 1]  # fmt: skip
        if of is None or not owners:
            continue
        unit = {"table": name, "product": quoted(of), "quantity": "1"}
        owner = quoted(owners[0])
        return Sale(
            ({**unit, "live": f"{owner} is null"},),
            {"table": name, "order": owner, **unit, "live": f"{owner} is not null"},
            f"{UNITS} rows that were free have {owner} now", f"each row with {owner} is a unit that was sold",
        )  # fmt: skip
    return None


def _from_a_ledger(survey: Survey, seen: Seen, product: str) -> Sale | None:
    """Nothing was changed, but a row with as many units less was added."""
    moved = None if seen.removed else next(_movements(survey, seen, product, "", ""), None)
    lines = next(_lines(survey, seen, product, ""), None) if moved else None
    if moved is None or lines is None:
        return None
    stock = {"table": moved["table"], "product": moved["product"], "quantity": moved["change"]}
    return Sale((stock,), lines, f"the sum of {moved['change']} fell by {UNITS}")


def _from_a_capacity(
    survey: Survey, seen: Seen, product: str, capacity: Mapping[str, str] | None
) -> Sale | None:
    """Nothing fell at all: what is left is what there is less what is booked."""
    lines = None if seen.removed or capacity is None else next(_lines(survey, seen, product, capacity["table"]), None)
    if capacity is None or lines is None:
        return None
    booked = {"table": lines["table"], "product": lines["product"], "quantity": f"-{lines['quantity']}"}
    why = f"what is left is written down nowhere: {capacity['quantity']} less all {lines['quantity']} booked"
    _, row = _table_row(survey, seen, lines["table"])
    live = next((_live(c) for c, v in row.items() if role_of(c) == "status" and isinstance(v, str)), None)
    return Sale((dict(capacity), booked | ({"live": live} if live else {})), lines, why)


def _live(column: str) -> str:
    return f"{quoted(column)} <> 'cancelled'"


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
    """The column that holds the product's id: one that points to the stock, one with a name for it, one that points
    anywhere, or the key."""
    found = [c for c, v in row.items() if _is(v, product) or str(v) == product]
    points = {c: table.references.get(c, ("",))[0] for c in found}

    def rank(column: str) -> tuple[bool, ...]:
        elsewhere = bool(stock_table) and points[column] != stock_table
        return elsewhere, role_of(column) != "product", not points[column], column not in table.key

    ranked = sorted(found, key=rank)
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


def _json_lines(survey: Survey, seen: Seen, product: str) -> Iterator[Mapping_]:
    """Lines that are elements of an array in a column of JSON, by a query that takes it apart."""
    for name, rows in seen.added.items():
        table, row = survey.table(name), rows[0]
        if table is None or name in seen.removed or len(table.key) != 1:
            continue
        for column in (c.name for c in table.columns if c.kind in ("json", "jsonb")):
            element = _only_element(row[column])
            of = next((k for k, v in element.items() if _is(v, product) or str(v) == product), None)
            units = next((k for k, v in element.items() if _is(v, UNITS) and k != of), None)
            if of and units:
                yield _document_mapping(table.name, quoted(table.key[0]), quoted(column), of, units)


def _only_element(value: Any) -> Mapping[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    one = found[0] if isinstance(found, list) and len(found) == 1 else None
    return one if isinstance(one, dict) else {}


def _document_mapping(table: str, key: str, column: str, of: str, units: str) -> Mapping_:
    """The mapping of a document's lines. DuckDB runs the query; numbers of products stay texts, as ids are compared."""
    last = table.rpartition(".")[2]
    sql = (
        f"select _commit, _seq, _sign, _entry || '/' || n as _entry, {key} as of_order,\n"
        f"       item ->> '{of}' as of_product, (item ->> '{units}')::int as units\n"
        f"from (select *, unnest(from_json({column}, '[\"json\"]')) as item,\n"
        f"             unnest(range(json_array_length({column})::bigint)) as n from {last})"
    )
    return {"table": table, "sql": sql, "order": "of_order", "product": "of_product", "quantity": "units"}


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
            mapping["live"] = _live(column)
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
