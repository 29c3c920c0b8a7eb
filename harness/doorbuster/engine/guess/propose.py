"""From a database to a contract: every likely function is tried with one order, the first that sells is described."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from doorbuster.drive.workload import product_id
from doorbuster.engine.guess.answers import Rule, error_rule, ok_and_sold_out, order_id_path, sharper, value_rule
from doorbuster.engine.guess.call import call_sql
from doorbuster.engine.guess.carts import Cart, cart_of
from doorbuster.engine.guess.mapping import Effects, read_effects
from doorbuster.engine.guess.names import CHECKOUT, NO_CHECKOUT, quoted, role_of, snake
from doorbuster.engine.guess.shelves import Shelf, by_column, customer_statements, shelves, stock_column
from doorbuster.engine.guess.texts import Text, read_text
from doorbuster.engine.guess.trials import NoShelf, Seen, Way, plain_order, try_order, variations
from doorbuster.postgres.survey import Function, Survey, Table, survey

MOST_CANDIDATES = 12
# No number that a sequence starts with: a row is known by the values in it.
PRODUCT, FAR = 4711, 900_000_000


class NothingGuessed(Exception):
    """No function that sells was found; the message says what was tried, and what came of it."""


@dataclass(slots=True)
class Proposal:
    """A contract's parts, and what each was guessed from."""

    way: Way
    effects: Effects
    ok: list[Rule]
    sold_out: list[Rule]
    refused: list[Rule]
    order_id: str | None
    refuse: list[str]
    keeps_key: bool
    called: str
    notes: list[str] = field(default_factory=list)
    look: str | None = None  # where the answer says nothing: a statement that finds the order
    doubts: list[str] = field(default_factory=list)


async def propose(connection: asyncpg.Connection, only: str | None = None) -> Proposal:
    """The best contract for the database; ``only`` is the function to call.

    Raises:
        NothingGuessed: nothing that was tried sold anything.
    """
    found = await survey(connection)
    tried: list[str] = []
    for called, way, notes in list(_ways(found, only, tried))[:MOST_CANDIDATES]:
        try:
            seen = await try_order(connection, found, way, plain_order(way))
        except (NoShelf, asyncpg.PostgresError) as problem:
            tried.append(f"{called}: {problem}")
            continue
        effects = None if seen.sqlstate else read_effects(found, seen, way.product, way.capacity)
        if effects is None:
            told = f"{seen.sqlstate}: {seen.message}" if seen.sqlstate else "no stock fell, or no line was written"
            tried.append(f"{called}: {told}")
            continue
        if way.capacity and not (await try_order(connection, found, way, plain_order(way), in_stock=0)).left_no_trace:
            tried.append(f"{called}: nothing fell, and it sold what was not there")
            continue
        return await _described(connection, found, called, way, notes, seen, effects)
    raise NothingGuessed("; ".join(tried) or "there is no function, and no table with a trigger, that could sell")


def _ways(found: Survey, only: str | None, without: list[str]) -> Iterator[tuple[str, Way, list[str]]]:
    """Ways to place an order, the likeliest first; functions whose stock nobody can guess are added to ``without``."""
    candidates = []
    for function in found.functions:
        text = read_text(function)
        if only is None or only in (function.name, function.signature):
            candidates.append((_score(function, text), function, text))
    for score, function, text in sorted(candidates, key=lambda c: -c[0]):
        if score <= 0 and only is None:
            continue
        inserts = [table for name in text.inserts if (table := found.table(name))]
        guessed = list(shelves(found, text))
        if not guessed:
            without.append(f"{function.signature}: no column, row or sum that it writes looks like a product's stock")
        for shelf in guessed:
            cart = cart_of(found, function, text, shelf.kind)
            sql, notes = call_sql(function, text, found, shelf.kind, shelf.keys, cart.known if cart else None)
            if cart:
                notes.append(f"its cart is filled first: {cart.table} has a product and a quantity, and it reads them")
            if len(shelf.keys) > 1:
                notes.append(f"no two products share one of {', '.join(shelf.keys)}: what mixes those up is not found")
            yield function.signature, _way(found, shelf, sql, inserts, cart), notes
    if only is None:
        yield from _by_trigger(found)


def _score(function: Function, text: Text) -> int:
    name = snake(function.name)
    score = 2 * len(text.lowers) + bool(text.inserts) + bool(re.search(CHECKOUT, name))
    return score - (10 if re.search(NO_CHECKOUT, name.rpartition(".")[2]) else 0)


def _way(found: Survey, shelf: Shelf, place: str, inserts: Sequence[Table], cart: Cart | None = None) -> Way:
    customers = list(cart.customer) if cart else []
    for table in inserts:
        named = next((c.name for c in table.columns if role_of(c.name) == "customer"), None)
        customers += customer_statements(found, table, named)
    return Way(
        shelf.statements, tuple(dict.fromkeys(customers)), place, product_id(shelf.kind, PRODUCT),
        product_id(shelf.kind, FAR), cart.prepare if cart else (), shelf.capacity,
    )  # fmt: skip


def _by_trigger(found: Survey) -> Iterator[tuple[str, Way, list[str]]]:
    """An INSERT into a table that a trigger watches over, and that has a product and a quantity."""
    for name in found.triggers:
        table = found.table(name)
        roles = {role_of(c.name): c for c in table.columns} if table else {}
        product, units = roles.get("product"), roles.get("quantity")
        target = table.references.get(product.name) if table and product else None
        stock = found.table(target[0]) if target else None
        if not (table and product and units and stock and stock_column(stock) and stock.key):
            continue
        wanted = ("customer", "order_key", "product", "quantity", "price", "total")
        given = {
            role: column for role, column in roles.items()
            if role in wanted and column.name not in table.key
            and (role not in ("price", "total") or column.kind == "numeric")
        }  # fmt: skip
        values = {quoted(column.name): f":{role}::{column.kind}" for role, column in given.items()}
        key = f" returning {', '.join(map(quoted, table.key))}" if table.key else ""
        sql = f"insert into {table.name} ({', '.join(values)}) values ({', '.join(values.values())}){key}"
        told = ["a trigger of the table takes the stock"]
        yield f"INSERT into {table.name}", _way(found, by_column(found, stock), sql, [table]), told


async def _described(
    connection: asyncpg.Connection, found: Survey, called: str, way: Way, notes: list[str], good: Seen,
    effects: Effects,
) -> Proposal:  # fmt: skip
    order = plain_order(way)
    short = await try_order(connection, found, way, order, in_stock=0)
    rules, look = ok_and_sold_out(good, short), None
    doubts = [] if short.left_no_trace else ["an order of a product with nothing in stock left a trace"]
    if rules is None and short.left_no_trace and (look := _look(effects)):
        rules = [{"step": "look", "result": "$.id"}], [{"step": "look", "result": "$ == null"}]
    if rules is None:
        doubts.append("nothing in an answer tells a good order from one with nothing in stock")
    ok, sold_out = rules or ([{}], [])
    refused: list[Rule] = []
    refuse = []
    for order_class, bad in variations(way, order).items():
        if order_class == "empty" and not way.many_lines:
            continue
        try:
            seen = await try_order(connection, found, way, bad)
        except NoShelf:  # already its cart refuses it
            continue
        if not seen.left_no_trace:
            continue
        rule = error_rule(seen) if seen.sqlstate else value_rule(seen, good, short)
        if rule is None and not _same(seen, short):
            continue
        refuse.append(order_class)
        if rule is not None and rule not in (*refused, *sold_out):
            refused.append(rule)
    again = await try_order(connection, found, way, order, times=2)
    once = {table: len(rows) for table, rows in good.added.items()}
    keeps_key = again.sqlstate is None and {table: len(rows) for table, rows in again.added.items()} == once
    path = "$.id" if look else order_id_path(good.value, effects.order_id)
    sold_out = [sharper(sold_out[0], refused, short)] if sold_out else []
    return Proposal(way, effects, ok, sold_out, refused, path, refuse, keeps_key, called, notes, look, doubts)


def _look(effects: Effects) -> str | None:
    """A statement that finds the order by its key or its customer, for a shop that says nothing."""
    orders = effects.orders or {}
    by = next((name for name in ("order_key", "customer") if name in orders), None)
    if by is None:
        return None
    return f"select {orders['id']} as id from {orders['table']} where {orders[by]}::text = :{by}::text"


def _same(one: Seen, other: Seen) -> bool:
    said: Any = (one.sqlstate, one.value if one.sqlstate is None else None)
    return bool(said == (other.sqlstate, other.value if other.sqlstate is None else None))
