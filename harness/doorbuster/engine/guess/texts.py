"""What a function's text says: the tables it writes, the column it lowers, the keys it reads of its documents."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, parse_plpgsql, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from doorbuster.postgres.survey import Function

_READS = re.compile(r"(?P<of>\w+)\s*(?P<arrow>->>?)\s*'(?P<key>\w+)'")
_RECORDSET = re.compile(
    r"jsonb?_to_recordset\s*\(\s*(?P<of>\w+)(?:\s*->\s*'(?P<key>\w+)')?\s*\)\s*(?:as\s+)?\w*\s*\((?P<columns>[^)]*)\)",
    re.I,
)
_ELEMENTS = re.compile(
    r"(?:jsonb?_array_elements(?:_text)?|unnest)\s*\(\s*(?P<of>\w+)(?:\s*->\s*'(?P<key>\w+)')?\s*\)", re.I
)


@dataclass
class Text:
    """``lowers`` are (table, column) of updates that add or subtract; ``looks`` are all tables that are named;
    ``reads``: keys by the document's variable;
    ``arrays``: of which document, or of which key of it, elements are taken; ``elements``: the keys of those."""

    inserts: list[str] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    lowers: list[tuple[str, str]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    reads: dict[str, list[str]] = field(default_factory=dict)
    arrays: list[tuple[str, str | None]] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)


def read_text(function: Function) -> Text:
    """What the function's own text says; little, where it is not understood or neither PL/pgSQL nor SQL."""
    return read_source(function.source, function.definition, function.language)


def read_source(source: str, definition: str, language: str) -> Text:
    """As :func:`read_text`, of a source in a language; ``definition`` is the whole statement that creates it."""
    text = Text()
    for sql in _statements(source, definition, language):
        try:
            for statement in parse_sql(sql):
                _Writes(text)(statement)
        except ParseError:  # an expression, or dynamic SQL
            continue
    plain = re.sub(r"--[^\n]*|/\*.*?\*/", " ", source, flags=re.S)
    for match in _RECORDSET.finditer(plain):
        text.arrays.append((match["of"], match["key"]))
        text.elements += [column.split()[0] for column in match["columns"].split(",") if column.split()]
    text.arrays += [(match["of"], match["key"]) for match in _ELEMENTS.finditer(plain)]
    arrays = {key for _, key in text.arrays if key}
    for match in _READS.finditer(plain):
        if match["key"] not in arrays:
            text.reads.setdefault(match["of"].lower(), []).append(match["key"])
    return text


def _statements(source: str, definition: str, language: str) -> Iterator[str]:
    if language == "sql":
        yield source
        return
    if language != "plpgsql":
        return
    try:
        tree = parse_plpgsql(definition)
    except ParseError:
        return
    yield from _queries(json.loads(tree) if isinstance(tree, str) else tree)


def _queries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("query"), str):
            yield node["query"]
        for value in node.values():
            yield from _queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _queries(value)


class _Writes(Visitor):
    def __init__(self, text: Text) -> None:
        self._text = text

    def visit_InsertStmt(self, _ancestors: Any, node: Any) -> None:
        self._text.inserts.append(_name(node.relation))

    def visit_RangeVar(self, _ancestors: Any, node: Any) -> None:
        self._text.looks.append(_name(node))

    def visit_UpdateStmt(self, _ancestors: Any, node: Any) -> None:
        table = _name(node.relation)
        self._text.updates.append(table)
        for target in node.targetList or ():
            minus = isinstance(target.val, ast.A_Expr) and _operator(target.val) in "+-"
            if minus and isinstance(target.val.lexpr, ast.ColumnRef) and _last(target.val.lexpr) == target.name:
                self._text.lowers.append((table, target.name))


def _operator(expression: Any) -> str:
    return str(expression.name[-1].sval)


def _name(relation: Any) -> str:
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)


def _last(column: Any) -> str:
    return str(getattr(column.fields[-1], "sval", ""))
