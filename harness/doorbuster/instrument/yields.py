"""Where a scheduler may stop a PL/pgSQL function, and what the step from one stop to the next touches.

A step is a statement with a yield before it, and whatever comes after that statement up to the next yield. So every
statement that touches a table gets one, and the footprint of a step is that of its first statement: the rest touches
nothing. Where that is not so (a block with an exception handler may take back all that was done in it), the footprint
is made larger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from doorbuster.instrument.footprint import OPAQUE, Catalogue, Footprint, footprint
from doorbuster.instrument.functions import Function, Mark, shortened
from doorbuster.instrument.outline import Node, NotUnderstood, read_body
from doorbuster.instrument.tree import Statement, agree, statements

_ALWAYS = frozenset(("return", "return_query"))
# What they run is a text that is only known while they run, or another transaction begins there.
_OPAQUE_KINDS = frozenset(("dynexecute", "call", "commit", "rollback", "open", "fetch", "return_query"))

_FUNCTIONS = """
select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, p.prosrc as source
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where l.lanname = 'plpgsql' and p.provolatile = 'v' and n.nspname not in ('pg_catalog', 'information_schema', $1)
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
order by 1
"""
_BUILTIN = """
select array_agg(distinct proname::text) filter (where nspname = 'pg_catalog') as builtin,
       array_agg(distinct proname::text) filter (where nspname not in ('pg_catalog', 'information_schema')) as own
from pg_proc join pg_namespace n on n.oid = pronamespace
"""
_LINKED = """
select c.relname::text as one, p.relname::text as other from pg_constraint
join pg_class c on c.oid = conrelid join pg_class p on p.oid = confrelid where contype = 'f'
"""
_TRIGGERED = "select distinct relname::text from pg_trigger join pg_class c on c.oid = tgrelid where not tgisinternal"
_VIEWS = """
select relname::text from pg_class join pg_namespace n on n.oid = relnamespace
where relkind in ('v', 'm', 'f') and nspname not in ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class Yields:
    """A function with its yields; ``footprints`` are those of the steps that begin at each, in the same order."""

    function: Function
    footprints: tuple[Footprint, ...]
    entry: Footprint


async def read_yields(connection: asyncpg.Connection, but_schema: str) -> tuple[list[Yields], dict[str, str]]:
    """The PL/pgSQL functions of the connection's database with their yields; and why others have none, by name."""
    catalogue = await read_catalogue(connection)
    found, left_out = [], {}
    for row in await connection.fetch(_FUNCTIONS, but_schema):
        try:
            found.append(yields_of(row["name"], row["definition"], row["source"], catalogue))
        except NotUnderstood as problem:
            left_out[row["name"]] = str(problem)
    return found, left_out


async def read_catalogue(connection: asyncpg.Connection) -> Catalogue:
    """What the database says of functions, foreign keys, triggers and views."""
    names = await connection.fetchrow(_BUILTIN)
    linked: dict[str, frozenset[str]] = {}
    for row in await connection.fetch(_LINKED):
        # From the table with the key to the one it refers to, whose row it locks. The other way round needs nothing:
        # whoever writes there meets the same table.
        linked[row["one"]] = linked.get(row["one"], frozenset()) | {row["other"]}
    triggered = frozenset(row[0] for row in await connection.fetch(_TRIGGERED))
    views = frozenset(row[0] for row in await connection.fetch(_VIEWS))
    return Catalogue(frozenset(names["builtin"]), frozenset(names["own"] or ()), linked, triggered, views)


def yields_of(name: str, definition: str, source: str, catalogue: Catalogue) -> Yields:
    """The yields of ``source``, the body of ``definition``.

    Raises:
        NotUnderstood: the body is not read as PostgreSQL's own parser reads it.
    """
    root = read_body(source)
    told, declared = statements(definition)
    of_node = {id(node): statement for node, statement in agree(root, told)}
    places: list[tuple[Mark, Footprint]] = []
    for node in _inner(root):
        statement = of_node.get(id(node))
        own = _own(node, statement, catalogue)
        if not own.is_nothing or node.kind in _ALWAYS:
            places.append((_mark(node.start, node, source), _widened(node, root, of_node, catalogue, own)))
        if node.kind in ("while", "for") and not own.is_nothing:  # looked at again, or fetched on, after each round
            places.append((_mark(node.group_ends[0], node, source), own))
    end = root.group_ends[0]
    places.append((Mark(end, "at the end"), Footprint()))
    places.sort(key=lambda place: place[0].at)
    marks = tuple(mark for mark, _ in places)
    entry = footprint([query.sql for query in declared], catalogue)
    return Yields(Function(name, definition, source, marks), tuple(f for _, f in places), entry)


def _mark(at: int, node: Node, source: str) -> Mark:
    return Mark(at, shortened(node, source))


def _own(node: Node, statement: Statement | None, catalogue: Catalogue) -> Footprint:
    if node.kind in _OPAQUE_KINDS:
        return OPAQUE
    if statement is None:
        return Footprint()
    queries = [*statement.own, *(query for branch in statement.branches for query in branch)]
    return footprint([query.sql for query in queries], catalogue)


def _widened(
    node: Node, root: Node, of_node: dict[int, Statement], catalogue: Catalogue, own: Footprint
) -> Footprint:
    """``own``, with all that a block around it can take back when an error is caught."""
    for block in _blocks_around(node, root):
        for inner in _inner_of(block.groups[0]):
            other = _own(inner, of_node.get(id(inner)), catalogue)
            touched = own.writes | own.reads | other.writes | other.reads
            own = Footprint(frozenset(), touched, own.opaque or other.opaque)
    return OPAQUE if own.opaque else own


def _blocks_around(node: Node, root: Node) -> Iterator[Node]:
    """The blocks with exception handlers whose body ``node`` is in."""
    for block in (root, *_inner(root)):
        if block.kind == "block" and len(block.groups) > 1 and any(i is node for i in _inner_of(block.groups[0])):
            yield block


def _inner(node: Node) -> Iterator[Node]:
    for group in node.groups:
        yield from _inner_of(group)


def _inner_of(group: Sequence[Node]) -> Iterator[Node]:
    for node in group:
        yield node
        yield from _inner(node)
