"""A contract's way to place an order, compiled: tagged statements, and values in the types that they want."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from doorbuster.config.parameters import Statement
from doorbuster.drive.tagging import TAG_PARAMETER, is_tagged_by_setting, tagged
from doorbuster.model.contract import Operation, Place
from doorbuster.model.order import Line, Order
from doorbuster.record.log_text import ATTEMPT_TAG


@dataclass(frozen=True, slots=True)
class Call:
    """One step, ready to be prepared; ``tag_by_setting``: the session must say the tag before it."""

    step: str
    statement: Statement
    tag_by_setting: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole way to place an order."""

    calls: tuple[Call, ...]
    compensate: tuple[Call, ...]

    @property
    def needs_tag_triggers(self) -> bool:
        """Whether a call cannot carry its tag itself."""
        return any(call.tag_by_setting for call in (*self.calls, *self.compensate))


def compile_flow(place: Place | Operation) -> Flow:
    """The flow of ``place``, or of another operation of the shop.

    Raises:
        Untaggable: a statement that cannot carry a tag; says which.
    """
    calls = tuple(_call(step.name or str(n), step.sql) for n, step in enumerate(place.calls, 1))
    undo = tuple(_call(f"compensate {n}", sql) for n, sql in enumerate(place.compensate, 1))
    return Flow(calls, undo)


def _call(name: str, sql: str) -> Call:
    return Call(name, tagged(sql), is_tagged_by_setting(sql))


def order_parameters(order: Order, attempt: int) -> dict[str, Any]:
    """The values of an order's named parameters, before they are turned into the types that a statement wants."""
    return {name: find(order, attempt) for name, find in _OF_ORDER.items()}


class Values:
    """What named parameters stand for during an attempt: ``learnt``, of which there may be more after each step, and
    else the order's own. Nothing is made of an order before it is asked for.
    """

    __slots__ = ("attempt", "learnt", "order")

    def __init__(self, order: Order, attempt: int, learnt: Mapping[str, Any] | None) -> None:
        self.order = order
        self.attempt = attempt
        self.learnt = dict(learnt) if learnt else {}

    def __getitem__(self, name: str) -> Any:
        return self.learnt[name] if name in self.learnt else _OF_ORDER[name](self.order, self.attempt)

    def __contains__(self, name: str) -> bool:
        return name in self.learnt or name in _OF_ORDER


class Arguments:
    """Makes the values for a prepared statement's parameters: ``names``, and the server's names of their types."""

    def __init__(self, names: Sequence[str], types: Sequence[str]) -> None:
        self._names = names
        self._types = types
        self._makers = None
        if all(name in _OF_ORDER for name in names):
            self._makers = [_maker(name, kind) for name, kind in zip(names, types, strict=True)]

    def of(self, values: Values) -> list[Any]:
        """As :func:`arguments`."""
        return arguments(self._names, self._types, values)

    def of_order(self, order: Order, attempt: int) -> list[Any]:
        """The same where nothing was learnt, the short way: a load asks for every order."""
        if self._makers is None:
            return self.of(Values(order, attempt, None))
        return [make(order, attempt) for make in self._makers]


def value_of(name: str) -> Callable[[Order, int], Any] | None:
    """What an order's parameter ``name`` stands for at an attempt; None where it is none of an order's."""
    return _OF_ORDER.get(name)


def converter(kind: str) -> Callable[[Any], Any]:
    """Makes a value what a type of the server's wants."""
    return _CONVERTERS.get(kind, _same)


def _maker(name: str, kind: str) -> Callable[[Order, int], Any]:
    find, convert = _OF_ORDER[name], _CONVERTERS.get(kind)
    if convert is None or (name in _TEXTS and kind in _TEXT_TYPES):
        return find
    if name in _DECIMALS and kind == "numeric":
        convert = Decimal
    return lambda order, attempt: None if (value := find(order, attempt)) is None else convert(value)


def _product(order: Order, _: int) -> str | None:
    return order.lines[0].product if order.lines and order.blank != "product" else None


def _quantity(order: Order, _: int) -> int | None:
    return order.lines[0].quantity if order.lines and order.blank != "quantity" else None


def lines_json(order: Order) -> str:
    """The cart as a JSON array of ``{"product", "quantity", "price"}``, numbers as numbers, exactly."""
    if len(order.lines) == 1 and order.blank is None:  # most carts of most loads
        ((product, quantity, price),) = order.lines
        return f'[{{"product": {_json_id(product)}, "quantity": {quantity}, "price": {price}}}]'
    lines = (
        f'{{"product": {"null" if order.blank == "product" else _json_id(line.product)}, '
        f'"quantity": {_json_quantity(line, order)}, "price": {line.price}}}'
        for line in order.lines
    )
    return f"[{', '.join(lines)}]"


_OF_ORDER: dict[str, Callable[[Order, int], Any]] = {
    "order_key": lambda order, _: order.order_key,
    "attempt": lambda _, attempt: attempt,
    "customer": lambda order, _: order.customer,
    "lines": lambda order, _: lines_json(order),
    "total": lambda order, _: None if order.blank == "total" else order.total,
    "product": _product,
    "quantity": _quantity,
    "price": lambda order, _: order.lines[0].price if order.lines else None,
    TAG_PARAMETER: lambda _, attempt: f"{ATTEMPT_TAG}{attempt}",
}
# What is text already, and may go as it is.
_TEXTS = ("order_key", "customer", "lines", TAG_PARAMETER)
_TEXT_TYPES = ("text", "varchar", "bpchar", "name", "uuid", "unknown", "json", "jsonb")
_DECIMALS = ("total", "price")


def _json_quantity(line: Line, order: Order) -> str:
    if order.blank == "words":
        return '"two"'
    return "null" if order.blank == "quantity" else str(line.quantity)


def _json_id(product: str) -> str:
    return product if product.isdecimal() else json.dumps(product)


def arguments(
    names: Sequence[str], types: Sequence[str], values: Mapping[str, Any] | Values
) -> list[Any]:
    """The values for a prepared statement's parameters: ``types`` are the server's names of their types.

    Raises:
        KeyError: no value of that name, such as the result of a step that gave none.
        ValueError: a value that cannot be what the type wants.
    """
    return [_converted(values[name], kind) for name, kind in zip(names, types, strict=True)]


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    "numeric": lambda value: Decimal(str(value)),
    **dict.fromkeys(("float4", "float8"), float),
    "date": lambda value: value if isinstance(value, date) else date.fromisoformat(value),
    **dict.fromkeys(_TEXT_TYPES, str),
    **dict.fromkeys(("json", "jsonb"), lambda value: value if isinstance(value, str) else _dumped(value)),
}


def _converted(value: Any, kind: str) -> Any:
    return value if value is None else converter(kind)(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, default=str)


def _same(value: Any) -> Any:
    return value


def answer_value(rows: Sequence[Any], types: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """What rules look at, and the columns that later steps may use, from a call's rows.

    One column of JSON or a composite type is its value; anything else is an object by column name; of several rows the
    first, with all of them in ``rows``. No row is None.
    """
    if not rows:
        return None, {}
    if (value := lone_json(rows, types)) is not None:
        return value, dict(rows[0].items())
    columns = {name: _plain(value, kind) for (name, value), kind in zip(rows[0].items(), types, strict=True)}
    if len(columns) == 1:
        (value,) = columns.values()
        if isinstance(value, (dict, list)):
            return value, dict(rows[0].items())
    if len(rows) > 1 and "rows" not in columns:
        columns["rows"] = [
            {name: _plain(value, kind) for (name, value), kind in zip(row.items(), types, strict=True)} for row in rows
        ]
    return columns, dict(rows[0].items())


def lone_json(rows: Sequence[Any], types: Sequence[str]) -> Any | None:
    """The object or list that is all that a call answered, as nearly every function does; else None."""
    if len(types) == 1 and len(rows) == 1:
        value = _plain(rows[0][0], types[0])
        if isinstance(value, (dict, list)):
            return value
    return None


def json_answer(texts: Sequence[str | None], column: str) -> Any:
    """What rules look at, as :func:`answer_value` tells it, where rows of one ``column`` of JSON came as text."""
    if not texts:
        return None
    value = _plain(texts[0], "json")
    if isinstance(value, (dict, list)):
        return value
    columns = {column: value}
    if len(texts) > 1 and column != "rows":
        columns["rows"] = [{column: _plain(text, "json")} for text in texts]
    return columns


_decoder = json.JSONDecoder()


def _decoded(text: str) -> Any:
    try:
        value, end = _decoder.raw_decode(text)
    except json.JSONDecodeError:  # or there is space before it
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def _plain(value: Any, kind: str) -> Any:
    if kind in ("json", "jsonb") and isinstance(value, str):
        return _decoded(value)
    return dict(value.items()) if hasattr(value, "items") else value
