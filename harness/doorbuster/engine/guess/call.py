"""How a function is called: arguments by their names and types, documents by the keys that its text reads of them."""

import re
from collections.abc import Collection, Mapping

from doorbuster.engine.guess.names import quoted, role_of, snake
from doorbuster.engine.guess.texts import Text
from doorbuster.postgres.survey import Argument, Function, Survey

_RECORD = "jsonb_to_recordset(:lines::jsonb) as l(product {product}, quantity int, price numeric)"
_LINE = {"product": "l.product", "quantity": "l.quantity", "price": "l.price"}
_DOCUMENTS = ("json", "jsonb")


def call_sql(
    function: Function, text: Text, survey: Survey, product: str, keys: Collection[str] = (),
    known: Mapping[str, str] | None = None,
) -> tuple[str, list[str]]:  # fmt: skip
    """The statement that places an order, and what was guessed, argument by argument.

    ``product`` is its id's type; ``keys`` are the columns that it fills: what is named like them is the product, too.
    ``known`` are values for arguments of these names.
    """
    product_names = {snake(key) for key in keys}
    pieces, notes = [], []
    named = all(a.name for a in function.arguments if a.given) and not function.is_procedure
    skipped = False
    for number, argument in enumerate((a for a in function.arguments if a.given), 1):
        value = (known or {}).get(snake(argument.name)) or _value(argument, text, survey, product, product_names)
        if value is None and argument.has_default and named:
            skipped = True
            continue
        label = argument.name or f"argument {number}"
        notes.append(f"{label} {argument.kind}: {_told(value)}")
        value = value or f"null::{argument.kind}"
        pieces.append(f"{quoted(argument.name)} => {value}" if named else value)
    if named and not skipped and len(pieces) < 3:
        pieces = [piece.split(" => ", 1)[1] for piece in pieces]
    arguments = ",\n  ".join(pieces) if sum(map(len, pieces)) > 90 else ", ".join(pieces)
    if function.is_procedure:
        return f"call {function.name}({arguments})", notes
    if function.returns_set or function.returns in survey.composites or function.returns == "record":
        return f"select * from {function.name}({arguments})", notes
    return f"select {function.name}({arguments}) as answer", notes


def _told(value: str | None) -> str:
    if value is None:
        return "not guessed, so null; say what belongs here"
    names = dict.fromkeys(re.findall(r"(?<!:):(\w+)", value))
    return "taken for " + " and ".join(f":{name}" for name in names)


def _value(
    argument: Argument, text: Text, survey: Survey, product: str, product_names: Collection[str]
) -> str | None:
    kind, role = argument.kind, role_of(argument.name)
    if kind in _DOCUMENTS:
        return _document(argument, text, product)
    if kind.endswith("[]"):
        return _array(argument, text, survey, product, product_names)
    if snake(argument.name) in product_names:
        return f":product::{kind}"
    if role in ("order_key", "customer"):
        return f":{role}::{kind}"
    if role == "quantity" or (role == "total" and kind in ("integer", "smallint", "bigint")):
        return f":quantity::{kind}"
    if role in ("price", "total"):
        return f":{role}::{kind}"
    if role == "product" or (kind == product and snake(argument.name) in ("id", "what")):
        return f":product::{kind}"
    if kind == "uuid":
        return ":customer::uuid"
    return None


def _array(
    argument: Argument, text: Text, survey: Survey, product: str, product_names: Collection[str]
) -> str | None:
    kind = argument.kind.removesuffix("[]")
    record = _RECORD.format(product=product)
    if kind in _DOCUMENTS:
        return f"array(select {_element(_keys_of_elements(argument, text))}::{kind}\n        from {record})"
    if kind in survey.composites:
        attributes = [(role_of(name), of) for name, of in survey.composites[kind]]
        values = [_LINE.get(role or "", "null") + _cast(role, of) for role, of in attributes]
        row = f"({', '.join(values)})" if len(values) > 1 else f"row({values[0]})"
        return f"array(select {row}::{kind} from {record})"
    single = re.sub(r"s$", "", snake(argument.name))
    column = _LINE["product"] if single in product_names else _LINE.get(role_of(single) or "")
    return f"array(select {column}::{kind} from {record})" if column else None


def _cast(role: str | None, kind: str) -> str:
    return "" if role == "product" else f"::{kind}"


def _document(argument: Argument, text: Text, product: str) -> str:
    """An array of lines where the text takes elements of the argument itself, else an object with the keys it reads."""
    name = argument.name.lower()
    record = _RECORD.format(product=product)
    lines = f"(select coalesce(jsonb_agg({_element(_keys_of_elements(argument, text))}), '[]') from {record})"
    taken = [key for of, key in text.arrays if of.lower() == name]
    is_read = bool(taken or text.reads.get(name))
    if None in taken or (role_of(argument.name) == "lines" and not is_read):
        return f"{lines}::{argument.kind}"
    pairs = {key: lines for key in taken if key}
    for key in text.reads.get(name, ()):
        role = role_of(key)
        if key in pairs or role is None:
            continue
        pairs[key] = {
            "customer": ":customer::text", "order_key": ":order_key::text", "total": ":total::numeric",
            "quantity": ":quantity::int", "product": f":product::{product}", "price": ":price::numeric",
        }.get(role, "null")  # fmt: skip
    inner = ",\n    ".join(f"'{key}', {value}" for key, value in pairs.items() if value != "null")
    return f"jsonb_build_object(\n    {inner})" + ("::json" if argument.kind == "json" else "")


def _keys_of_elements(argument: Argument, text: Text) -> list[str]:
    own = {argument.name.lower()}
    keys = [key for of, read in text.reads.items() if of not in own for key in read]
    return list(dict.fromkeys([*text.elements, *keys])) or ["product_id", "quantity", "price"]


def _element(keys: list[str]) -> str:
    pairs: dict[str, str] = {}
    for key in keys:
        role = "product" if snake(key) == "id" else role_of(key)
        if role in _LINE and _LINE[role] not in pairs.values():
            pairs[key] = _LINE[role]
    inner = ", ".join(f"'{key}', {value}" for key, value in pairs.items())
    return f"jsonb_build_object({inner})"
