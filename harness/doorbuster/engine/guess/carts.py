"""Carts that are filled before the checkout: a table with a product and a quantity that the function reads."""

from dataclasses import dataclass

from doorbuster.engine.guess.names import Role, quoted, role_of, snake
from doorbuster.engine.guess.shelves import customer_statements, filler
from doorbuster.engine.guess.texts import Text
from doorbuster.postgres.survey import Column, Function, Survey, Table


@dataclass(frozen=True, slots=True)
class Cart:
    """How a cart is filled: statements that make its customer, those that fill it, and what arguments of the function
    are then, by their names; ``table`` holds its lines."""

    table: str
    customer: tuple[str, ...]
    prepare: tuple[str, ...]
    known: dict[str, str]


def cart_of(found: Survey, function: Function, text: Text, product: str) -> Cart | None:
    """The cart that the function empties; None where it is told what is bought. ``product`` is the type of its id."""
    told = {role_of(argument.name) for argument in function.arguments if argument.given}
    if told & {"product", "lines", "quantity"}:
        return None
    for name in text.looks:
        table = found.table(name)
        if table is None or name in text.inserts:
            continue
        roles = _roles(table)
        if "product" in roles and "quantity" in roles and (cart := _filled(found, table, roles, product)):
            return cart
    return None


def _roles(table: Table) -> dict[Role, Column]:
    roles: dict[Role, Column] = {}
    for column in table.columns:
        role = role_of(column.name)
        if role is not None:
            roles.setdefault(role, column)
    return roles


def _filled(found: Survey, lines: Table, roles: dict[Role, Column], product: str) -> Cart | None:
    if (customer := roles.get("customer")) is not None:
        owner = {customer.name: f":customer::{customer.kind}"}
        return Cart(lines.name, tuple(customer_statements(found, lines, customer.name)),
                    (_insert(found, lines, roles, owner, product),), {})  # fmt: skip
    for column, (target, key) in lines.references.items():
        cart = found.table(target)
        of = _roles(cart).get("customer") if cart else None
        if cart is None or of is None:
            continue
        needed = {c.name: filler(c) for c in cart.columns if c.needed}
        values = {**needed, of.name: f":customer::{of.kind}"}
        opened = f"insert into {cart.name} ({', '.join(map(quoted, values))}) values ({', '.join(values.values())})"
        newest = f"(select max({quoted(key)}) from {cart.name} where {quoted(of.name)} = :customer::{of.kind})"
        if cart.column(key).kind == "uuid":  # of which there is no greatest
            newest = newest.replace(f"max({quoted(key)})", quoted(key)).replace(")", " limit 1)")
        filled = _insert(found, lines, roles, {column: newest}, product)
        named = {snake(column): newest, f"{snake(cart.name.rpartition('.')[2]).rstrip('s')}_id": newest}
        return Cart(lines.name, tuple(customer_statements(found, cart, of.name)), (opened, filled), named)
    return None


def _insert(found: Survey, lines: Table, roles: dict[Role, Column], owner: dict[str, str], product: str) -> str:
    values = {
        **{c.name: filler(c) for c in lines.columns if c.needed}, **owner,
        roles["product"].name: "l.product", roles["quantity"].name: f"l.quantity::{roles['quantity'].kind}",
    }  # fmt: skip
    if (price := roles.get("price")) is not None and price.kind == "numeric":
        values[price.name] = "l.price"
    return (
        f"insert into {lines.name} ({', '.join(map(quoted, values))})\n"
        f"select {', '.join(values.values())}\n"
        f"from jsonb_to_recordset(:lines::jsonb) as l(product {product}, quantity int, price numeric)"
    )
