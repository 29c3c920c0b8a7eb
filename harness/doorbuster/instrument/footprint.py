"""What a statement does to each table, by its text: what two statements must not share to be independent.

Everything that is not surely known makes a footprint ``opaque``: such a statement depends on every other. Tables are
known by their last name: two of one name in two schemas count as one, which errs to the safe side. docs/interleave.md
argues for the rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

# Functions of the server's own that reach beyond the rows of their query. A sequence's numbers are not judged, and no
# order of two calls of nextval blocks anybody, so that one is harmless.
_FAR_REACHING = ("advisory", "pg_sleep", "dblink", "pg_notify", "set_config", "query_to_xml", "pg_logical")


class Does(IntEnum):
    """What is done to rows of a table. The locks are PostgreSQL's own, the strongest last.

    ``INSERT`` is that of a row which no unique key can keep others from inserting; ``ENDS`` makes earlier work of the
    same buyer visible or takes it back.
    """

    READ = 0
    INSERT = 1
    KEY_SHARE = 2
    SHARE = 3
    NO_KEY_UPDATE = 4
    UPDATE = 5
    ENDS = 6


_LOCKS = {
    Does.KEY_SHARE: {Does.UPDATE},
    Does.SHARE: {Does.NO_KEY_UPDATE, Does.UPDATE},
    Does.NO_KEY_UPDATE: {Does.SHARE, Does.NO_KEY_UPDATE, Does.UPDATE},
    Does.UPDATE: {Does.KEY_SHARE, Does.SHARE, Does.NO_KEY_UPDATE, Does.UPDATE},
}
# pglast's LockClauseStrength, from 1.
_STRENGTHS = {1: Does.KEY_SHARE, 2: Does.SHARE, 3: Does.NO_KEY_UPDATE, 4: Does.UPDATE}


def _clash(one: Does, other: Does) -> bool:
    return Does.ENDS in (one, other) or other in _LOCKS.get(one, ())


@dataclass(frozen=True, slots=True)
class Footprint:
    """What is done to which tables. ``opaque``: nobody knows."""

    tables: Mapping[str, frozenset[Does]] = field(default_factory=dict)
    opaque: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether no table is touched at all."""
        return not (self.tables or self.opaque)

    def conflicts(self, other: "Footprint") -> bool:
        """Whether the order of the two statements can matter while neither's transaction ends."""
        if self.is_nothing or other.is_nothing:
            return False
        if self.opaque or other.opaque:
            return True
        return any(
            _clash(one, two) for table in self.tables.keys() & other.tables.keys()
            for one in self.tables[table] for two in other.tables[table]
        )  # fmt: skip

    def meets(self, other: "Footprint") -> bool:
        """Whether they have a table in common: then it can matter when the transaction of one of them ends."""
        if self.is_nothing or other.is_nothing:
            return False
        return self.opaque or other.opaque or bool(self.tables.keys() & other.tables.keys())

    def __or__(self, other: "Footprint") -> "Footprint":
        names = self.tables.keys() | other.tables.keys()
        none: frozenset[Does] = frozenset()
        return Footprint(
            {name: self.tables.get(name, none) | other.tables.get(name, none) for name in names},
            self.opaque or other.opaque,
        )

    def ending(self) -> "Footprint":
        """The same tables, where an error that is caught may take everything back."""
        return Footprint({name: frozenset((Does.ENDS,)) for name in self.tables}, self.opaque)


OPAQUE = Footprint(opaque=True)
NOTHING = Footprint()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the database says. ``builtin`` are the server's functions, ``own`` the names of the shop's.

    ``parents`` are the tables that a table's foreign keys refer to, ``children`` the other way round. A write to one of
    ``triggered`` runs code of the shop's (a trigger, a rule, a default); what lies behind one of ``unclear`` (a view, a
    partition, a row-level policy) is not looked up. ``keys``: the columns of each unique key of a table, None for one
    over something that is no column; ``drawn`` are a table's columns that draw a new value by themselves. ``operators``
    are the shop's own; ``has_casts``: it has casts with functions of its own, which nothing in a query shows.
    """

    builtin: frozenset[str]
    own: frozenset[str] = frozenset()
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    children: Mapping[str, frozenset[str]] = field(default_factory=dict)
    triggered: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    has_casts: bool = False
    keys: Mapping[str, tuple[frozenset[str] | None, ...]] = field(default_factory=dict)
    drawn: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def can_collide(self, table: str, columns: Iterable[str] | None) -> bool:
        """Whether two inserts that name these ``columns`` (None: all) can want the same unique key."""
        named = set(columns) if columns is not None else None
        return any(
            key is None or named is None or not (key & self.drawn.get(table, frozenset())) - named
            for key in self.keys.get(table, ())
        )

    def is_key(self, table: str, columns: Iterable[str]) -> bool:
        """Whether one of ``columns`` belongs to a unique key, which somebody's foreign key may refer to."""
        named = set(columns)
        return any(key is None or key & named for key in self.keys.get(table, ()))


def footprint(queries: Iterable[str], catalogue: Catalogue) -> Footprint:
    """The footprint of a statement with these queries."""
    whole = NOTHING
    for sql in queries:
        try:
            found = _Seen(catalogue)
            found(parse_sql(sql))
        except (ParseError, ValueError, RecursionError):
            return OPAQUE
        whole |= found.footprint()
    return whole


class _Seen(Visitor):
    """Walks over a parsed query. Nodes are pglast's, whose types say less than the grammar."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._opaque = catalogue.has_casts
        self._done: dict[str, set[Does]] = {}
        self._lock: Does | None = None

    def footprint(self) -> Footprint:
        """What was found, with what foreign keys add. The name of a WITH query counts as a table: it may be both."""
        written = {table for table, does in self._done.items() if does - {Does.READ}}
        if self._opaque or written & self._catalogue.triggered or self._done.keys() & self._catalogue.unclear:
            return OPAQUE
        for table in written:
            self._follow(table)
        if self._lock is not None:  # which of the query's tables are locked need not be looked up: all count
            for does in self._done.values():
                does.add(self._lock)
        return Footprint({table: frozenset(does) for table, does in self._done.items()})

    def _follow(self, table: str) -> None:
        """Who writes a row locks those it refers to; who removes one, or changes its key, may take others along."""
        for parent in self._catalogue.parents.get(table, ()):
            self._does(parent, Does.KEY_SHARE)
        if Does.UPDATE in self._done[table]:
            for child in self._catalogue.children.get(table, ()):
                if Does.UPDATE not in self._done.get(child, ()):
                    self._does(child, Does.UPDATE)
                    self._follow(child)

    def _does(self, table: str, what: Does) -> None:
        self._done.setdefault(table, set()).add(what)

    def visit_RangeVar(self, ancestors: Any, node: Any) -> None:
        self._does(node.relname, Does.READ)

    def visit_LockingClause(self, ancestors: Any, node: Any) -> None:
        strength = _STRENGTHS.get(int(node.strength), Does.UPDATE)
        self._lock = max(self._lock or strength, strength)

    def visit_FuncCall(self, ancestors: Any, node: Any) -> None:
        name = node.funcname[-1].sval
        known = name in self._catalogue.builtin and name not in self._catalogue.own
        if not known or any(part in name for part in _FAR_REACHING):
            self._opaque = True

    def visit_A_Expr(self, ancestors: Any, node: Any) -> None:
        if node.name and node.name[-1].sval in self._catalogue.operators:
            self._opaque = True

    def visit_InsertStmt(self, ancestors: Any, node: Any) -> None:
        table = node.relation.relname
        columns = [column.name for column in node.cols] if node.cols else None
        collides = node.onConflictClause is not None or self._catalogue.can_collide(table, columns)
        self._does(table, Does.UPDATE if collides else Does.INSERT)

    def visit_UpdateStmt(self, ancestors: Any, node: Any) -> None:
        table = node.relation.relname
        keyed = self._catalogue.is_key(table, [target.name for target in node.targetList])
        self._does(table, Does.UPDATE if keyed else Does.NO_KEY_UPDATE)

    def _writes(self, ancestors: Any, node: Any) -> None:
        self._does(node.relation.relname, Does.UPDATE)

    def _anything(self, ancestors: Any, node: Any) -> None:
        self._opaque = True

    visit_DeleteStmt = visit_MergeStmt = _writes
    visit_CallStmt = visit_LockStmt = visit_TruncateStmt = visit_DoStmt = _anything


@dataclass(frozen=True, slots=True)
class Relation:
    """Which steps can change places, as two matrices, row by row, over the footprints of all yields.

    ``independent``: the step from one yield can change places with that from another, if no transaction ends.
    ``apart``: so it can even where the one's transaction ends in its step.
    """

    independent: tuple[bool, ...]
    apart: tuple[bool, ...]
    points: int


def relation(footprints: Sequence[Footprint], isolation: str) -> Relation:
    """The relation of the steps with these footprints at an isolation level."""
    pairs = [(one, other) for one in footprints for other in footprints]
    if isolation == "read committed":
        return Relation(
            tuple(not one.conflicts(other) for one, other in pairs),
            tuple(not one.meets(other) for one, other in pairs),
            len(footprints),
        )
    quiet = _quiet(footprints) if isolation == "serializable" else frozenset[str]()
    return Relation(
        tuple(
            not one.conflicts(other)
            and (isolation != "serializable" or _is_quiet(one, quiet) or _is_quiet(other, quiet))
            for one, other in pairs
        ),
        # A snapshot of a whole transaction is taken before or after any other's end.
        (False,) * len(pairs),
        len(footprints),
    )


def _quiet(footprints: Sequence[Footprint]) -> frozenset[str]:
    """Tables that are only read, or only inserted into, by anybody: no serialization failure comes from there."""
    every = NOTHING
    for one in footprints:
        every |= one
    if every.opaque:
        return frozenset()
    return frozenset(name for name, does in every.tables.items() if does in ({Does.READ}, {Does.INSERT}))


def _is_quiet(one: Footprint, quiet: frozenset[str]) -> bool:
    return not one.opaque and one.tables.keys() <= quiet
