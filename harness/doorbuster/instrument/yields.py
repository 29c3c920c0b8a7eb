"""Where a scheduler may stop a PL/pgSQL function, and what the step from one stop to the next touches.

A step is a statement with a yield before it, and whatever comes after that statement up to the next yield. So every
statement that touches a table gets one, and the footprint of a step is that of its first statement: the rest touches
nothing. Where that is not so (a block with an exception handler may take back all that was done in it), the footprint
is made larger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from doorbuster.instrument.footprint import NOTHING, OPAQUE, Catalogue, Footprint, footprint
from doorbuster.instrument.functions import Function, Mark, fetch_functions, mark_of
from doorbuster.instrument.outline import Node, NotUnderstood, read_body
from doorbuster.instrument.tree import Statement, agree, statements

_ALWAYS = frozenset(("return", "return_query"))
# What they run is a text that is only known while they run, or another transaction begins there.
_OPAQUE_KINDS = frozenset(("dynexecute", "call", "commit", "rollback", "open", "fetch", "return_query"))

_SQL_FUNCTIONS = """
select p.oid::regprocedure::text
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where l.lanname = 'sql' and p.prokind in ('f', 'p') and p.provolatile = 'v'
  and n.nspname not in ('pg_catalog', 'information_schema', $1)
  and pg_get_functiondef(p.oid) ~* '\\m(insert\\s+into|update|delete\\s+from|merge\\s+into)\\M'
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
order by 1
"""
_BUILTIN = """
select array_agg(distinct proname::text) filter (where nspname = 'pg_catalog') as builtin,
       array_agg(distinct proname::text) filter (where nspname not in ('pg_catalog', 'information_schema')) as own
from pg_proc join pg_namespace n on n.oid = pronamespace
"""
_LINKED = """
select c.relname::text as child, p.relname::text as parent from pg_constraint
join pg_class c on c.oid = conrelid join pg_class p on p.oid = confrelid where contype = 'f'
"""
_TRIGGERED = """
select relname::text from pg_trigger join pg_class c on c.oid = tgrelid
where not tgisinternal and tgname !~ '^(zz_)?doorbuster_'
union select relname::text from pg_rewrite join pg_class c on c.oid = ev_class where relkind = 'r'
union select relname::text from pg_depend d
join pg_attrdef a on a.oid = objid and d.classid = 'pg_attrdef'::regclass join pg_class c on c.oid = adrelid
where refclassid = 'pg_proc'::regclass and refobjid >= 16384
union select relname::text from pg_depend d
join pg_constraint k on k.oid = objid and d.classid = 'pg_constraint'::regclass join pg_class c on c.oid = conrelid
where refclassid = 'pg_proc'::regclass and refobjid >= 16384
"""
# A key over an expression, or one that excludes by another operator than =, has no column that could be looked at.
_KEYS = """
select c.relname::text as name,
       case when 0 = any(indkey) or indisexclusion then null
            else array(select attname::text from pg_attribute where attrelid = c.oid and attnum = any(indkey))
       end as columns
from pg_index join pg_class c on c.oid = indrelid join pg_namespace n on n.oid = relnamespace
where (indisunique or indisexclusion) and nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
"""
_DRAWN = """
select c.relname::text as name, attname::text as column
from pg_attribute a join pg_class c on c.oid = attrelid left join pg_attrdef d on d.adrelid = c.oid and adnum = attnum
where relkind in ('r', 'p') and attnum > 0
  and (attidentity <> '' or pg_get_expr(adbin, adrelid) ~ '^(nextval|gen_random_uuid|uuid_generate_v4|uuidv7)\\(')
"""
_UNCLEAR = """
select relname::text from pg_class c join pg_namespace n on n.oid = relnamespace
where (relkind in ('v', 'm', 'f', 'p') or relrowsecurity
       or exists (select from pg_inherits where c.oid in (inhrelid, inhparent)))
  and nspname not in ('pg_catalog', 'information_schema')
"""
_OPERATORS = "select distinct oprname::text from pg_operator where oid >= 16384"
_CASTS = "select exists (select from pg_cast where castfunc >= 16384)"


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
    for row in await fetch_functions(connection, but_schema):
        try:
            found.append(yields_of(row["name"], row["definition"], row["source"], catalogue))
        except NotUnderstood as problem:
            left_out[row["name"]] = str(problem)
    for name in await connection.fetch(_SQL_FUNCTIONS, but_schema):
        left_out[name[0]] = "an SQL function that writes or locks: it has no places between its statements"
    return found, left_out


async def read_catalogue(connection: asyncpg.Connection) -> Catalogue:
    """What the database says of functions, foreign keys, triggers and views."""
    names = await connection.fetchrow(_BUILTIN)
    parents: dict[str, frozenset[str]] = {}
    children: dict[str, frozenset[str]] = {}
    for child, parent in await connection.fetch(_LINKED):
        parents[child] = parents.get(child, frozenset()) | {parent}
        children[parent] = children.get(parent, frozenset()) | {child}
    keys: dict[str, tuple[frozenset[str] | None, ...]] = {}
    for name, columns in await connection.fetch(_KEYS):
        keys[name] = (*keys.get(name, ()), None if columns is None else frozenset(columns))
    drawn: dict[str, frozenset[str]] = {}
    for name, column in await connection.fetch(_DRAWN):
        drawn[name] = drawn.get(name, frozenset()) | {column}
    return Catalogue(
        builtin=frozenset(names["builtin"]),
        own=frozenset(names["own"] or ()),
        parents=parents,
        children=children,
        triggered=frozenset(row[0] for row in await connection.fetch(_TRIGGERED)),
        unclear=frozenset(row[0] for row in await connection.fetch(_UNCLEAR)),
        operators=frozenset(row[0] for row in await connection.fetch(_OPERATORS)),
        has_casts=await connection.fetchval(_CASTS),
        keys=keys,
        drawn=drawn,
    )


def yields_of(name: str, definition: str, source: str, catalogue: Catalogue) -> Yields:
    """The yields of ``source``, the body of ``definition``.

    Raises:
        NotUnderstood: the body is not read as PostgreSQL's own parser reads it.
    """
    root = read_body(source)
    told, declared = statements(definition)
    of_node = {id(node): statement for node, statement in agree(root, told)}
    # A nested block's declarations are evaluated in the step that comes to it.
    entry = footprint([query.sql for query in declared], catalogue)
    places: list[tuple[Mark, Footprint]] = []
    for node in _inner(root):
        own = _own(node, of_node.get(id(node)), catalogue)
        if own.is_nothing and node.kind not in _ALWAYS:
            continue
        wide = _widened(node, root, of_node, catalogue, own) | entry
        places.append((mark_of(node, source), wide))
        if node.kind in ("while", "for") and not own.is_nothing:  # looked at again, or fetched on, after each round
            places.append((mark_of(node, source, node.group_ends[0]), wide))
    end = root.group_ends[0]
    places.append((Mark(end, "at the end"), NOTHING))
    places.sort(key=lambda place: place[0].at)
    marks = tuple(mark for mark, _ in places)
    return Yields(Function(name, definition, source, marks), tuple(f for _, f in places), entry)


def _own(node: Node, statement: Statement | None, catalogue: Catalogue) -> Footprint:
    if node.kind in _OPAQUE_KINDS:
        return OPAQUE
    if statement is None:
        return NOTHING
    queries = [*statement.own, *(query for branch in statement.branches for query in branch)]
    return footprint([query.sql for query in queries], catalogue)


def _widened(
    node: Node, root: Node, of_node: dict[int, Statement], catalogue: Catalogue, own: Footprint
) -> Footprint:
    """``own``, with what a loop around it may look at in the same step (CONTINUE), and with all that a block around it
    can take back when an error is caught."""
    for loop in (other for other in _inner(root) if other.kind in ("while", "for")):
        inside = list(_inner_of(loop.groups[0]))
        if any(one is node for one in inside) and any(one.kind == "exit" for one in inside):
            own |= _own(loop, of_node.get(id(loop)), catalogue)
    for block in _blocks_around(node, root):
        for one in _inner_of(block.groups[0]):
            own = (own | _own(one, of_node.get(id(one)), catalogue)).ending()
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
