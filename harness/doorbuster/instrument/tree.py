"""PL/pgSQL's own reading of a function: the queries of every statement, in the order of the text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import parse_plpgsql
from pglast.parser import ParseError

from doorbuster.instrument.outline import Node, NotUnderstood

# What each kind is called in outline.py.
_KINDS = {"fors": "for", "fori": "for", "foreach_a": "for", "dynfors": "for", "forc": "for"}
# Where a statement's inner statements are, in the order of the text.
_LISTS = ("body", "then_body", "elsif_list", "case_when_list", "else_body", "else_stmts")
EXPRESSION, ASSIGNMENT = 2, (3, 4, 5)


@dataclass(frozen=True, slots=True)
class Query:
    """The text of a query or expression, as something that can be parsed by itself."""

    sql: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the parser tells it. ``own`` are its queries; ``branches`` those of IF and each ELSIF."""

    kind: str
    plain_kind: str
    line: int
    own: tuple[Query, ...]
    branches: tuple[tuple[Query, ...], ...] = ()


def statements(definition: str) -> tuple[list[Statement], tuple[Query, ...]]:
    """All statements of a CREATE FUNCTION or PROCEDURE but NULL, in order, and the queries of all declarations.

    Raises:
        NotUnderstood: the parser does not take the function.
    """
    try:
        parsed = parse_plpgsql(definition)
    except (ParseError, ValueError) as problem:
        raise NotUnderstood(f"the parser does not take it: {problem}") from None
    if not parsed:
        raise NotUnderstood("the parser finds no function in it")
    function = parsed[0]["PLpgSQL_function"]
    found = list(_walk([function["action"]]))
    return found, tuple(_queries(function.get("datums", [])))


def agree(root: Node, told: list[Statement]) -> list[tuple[Node, Statement]]:
    """Pair the statements of the text with the parser's.

    Raises:
        NotUnderstood: they do not agree in kind and line, all of them, in order.
    """
    # The parser adds an outer block without a line, and a RETURN at the end without one.
    told = [s for s in told if s.line > 0]
    read = [node for node in _flat(root) if node.kind != "null"]
    for node, statement in zip(read, told, strict=False):
        if (node.kind, node.line) != (statement.kind, statement.line):
            raise NotUnderstood(
                f"line {node.line}: read as {node.kind}, but the parser says {statement.kind} in line {statement.line}"
            )
    if len(read) != len(told):
        raise NotUnderstood(f"read as {len(read)} statements, but the parser says {len(told)}")
    return list(zip(read, told, strict=True))


def _flat(node: Node) -> Iterator[Node]:
    yield node
    for group in node.groups:
        for inner in group:
            yield from _flat(inner)


def _walk(nodes: list[Any]) -> Iterator[Statement]:
    for node in nodes:
        ((name, content),) = node.items()
        if name.startswith("PLpgSQL_stmt_"):
            yield _statement(name.removeprefix("PLpgSQL_stmt_"), content)
        elif name == "PLpgSQL_if_elsif":
            yield from _walk(content.get("stmts", []))
            continue
        for key in _LISTS:
            yield from _walk(content.get(key, []))
        yield from _walk(content.get("stmts", []))
        handlers = content.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", [])
        for handler in handlers:
            yield from _walk(handler["PLpgSQL_exception"].get("action", []))


def _statement(plain_kind: str, content: dict[str, Any]) -> Statement:
    kind = _KINDS.get(plain_kind, plain_kind)
    branches: tuple[tuple[Query, ...], ...] = ()
    if kind == "if":
        elsifs = [e["PLpgSQL_if_elsif"] for e in content.get("elsif_list", [])]
        branches = tuple(tuple(_queries(part["cond"])) for part in (content, *elsifs))
    own = {key: value for key, value in content.items() if key not in (*_LISTS, "stmts", "exceptions")}
    queries = [*_queries(own)]
    for when in content.get("case_when_list", []):
        queries += _queries(when["PLpgSQL_case_when"]["expr"])
    return Statement(kind, plain_kind, content.get("lineno", 0), tuple(queries), branches)


def _queries(value: Any) -> Iterator[Query]:
    if isinstance(value, list):
        for item in value:
            yield from _queries(item)
    elif isinstance(value, dict):
        if "PLpgSQL_expr" in value:
            yield _query(value["PLpgSQL_expr"])
            return
        for item in value.values():
            yield from _queries(item)


def _query(expression: dict[str, Any]) -> Query:
    text, mode = expression["query"], expression.get("parseMode", 0)
    if mode == EXPRESSION:
        return Query(f"SELECT {text}")
    if mode in ASSIGNMENT:
        return Query(f"SELECT {_assigned(text)}")
    return Query(text)


def _assigned(text: str) -> str:
    """The value of ``target := value``; the target may hold brackets with anything in them."""
    depth, position = 0, 0
    while position < len(text):
        character = text[position]
        depth += (character == "[") - (character == "]")
        if character == '"':
            position = text.find('"', position + 1)
        elif depth == 0 and character == "=":
            return text[position + 1 :]
        position += 1
    return text
