"""Points inside PL/pgSQL functions: before every statement that reads, writes, calls or returns.

A marked copy takes the function's place in the (disposable) database. The mark is an IF with an empty body, on the
statement's own line: it leaves FOUND and ROW_COUNT alone, and line numbers stay true.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from doorbuster.instrument.outline import Node, NotUnderstood, read_body
from doorbuster.instrument.tree import agree, statements

WORDS_LIMIT = 70
TEXT_LIMIT = 300
_KINDS = frozenset(("execsql", "perform", "dynexecute", "return", "for", "call"))
_FUNCTIONS = """
select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, p.prosrc as source
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where l.lanname = 'plpgsql' and p.provolatile = 'v' and n.nspname not in ('pg_catalog', 'information_schema', $1)
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
order by 1
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a function's source: ``at`` characters from its start, in the words of a report.

    ``line`` and ``text`` are the statement's own behind it, the text on one line.
    """

    at: int
    words: str
    line: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and the places before its statements."""

    name: str
    definition: str
    source: str
    marks: tuple[Mark, ...]

    def marked(self, call: str, first: int) -> str:
        """Its definition with ``call(n)`` at every mark, n counting from ``first``."""
        source = self.source
        for number, mark in reversed(list(enumerate(self.marks, first))):
            source = f"{source[: mark.at]}if {call}({number}) then end if; {source[mark.at :]}"
        return self.definition.replace(self.source, source, 1)


async def fetch_functions(connection: asyncpg.Connection, but_schema: str) -> list[asyncpg.Record]:
    """``name``, ``definition`` and ``source`` of every PL/pgSQL function into which marks may go, by name."""
    found: list[asyncpg.Record] = await connection.fetch(_FUNCTIONS, but_schema)
    return found


async def read_functions(connection: asyncpg.Connection, but_schema: str) -> tuple[Function, ...]:
    """The PL/pgSQL functions of the connection's database that can be marked; others stay without marks."""
    found = []
    for row in await fetch_functions(connection, but_schema):
        try:
            marks = marks_of(row["definition"], row["source"])
        except NotUnderstood:
            continue
        found.append(Function(row["name"], row["definition"], row["source"], marks))
    return tuple(found)


def marks_of(definition: str, source: str) -> tuple[Mark, ...]:
    """The places before the statements of ``source``, the body of ``definition``.

    Raises:
        NotUnderstood: the body is not read as PostgreSQL's own parser reads it.
    """
    root = read_body(source)
    agree(root, statements(definition)[0])
    return tuple(mark_of(node, source) for node in _inner(root) if node.kind in _KINDS)


def _inner(node: Node) -> Iterator[Node]:
    for group in node.groups:
        for inner in group:
            yield inner
            yield from _inner(inner)


def mark_of(node: Node, source: str, at: int | None = None) -> Mark:
    """The mark before a statement, or at another place of it."""
    text = " ".join(source[node.start : node.end].split())
    return Mark(node.start if at is None else at, shortened(node, source), node.line, text[:TEXT_LIMIT])


def shortened(node: Node, source: str) -> str:
    """A statement in the words of a report: its line, and as much of its text as fits."""
    text = " ".join(source[node.start : node.end].split())
    return f"line {node.line}: {text[:WORDS_LIMIT]}{'…' if len(text) > WORDS_LIMIT else ''}"
