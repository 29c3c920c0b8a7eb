"""Which tables a statement touches, by its text: what two statements must not share to be independent.

Everything that is not surely known makes a footprint ``opaque``: such a statement depends on every other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

# Functions of the server's own that reach beyond the rows of their query. A sequence's numbers are not judged, and no
# order of two calls of nextval blocks anybody, so that one is harmless.
_FAR_REACHING = ("advisory", "pg_sleep", "dblink", "pg_notify", "set_config", "query_to_xml", "pg_logical")


@dataclass(frozen=True, slots=True)
class Footprint:
    """``reads`` are tables that are looked at without a lock; ``writes`` those whose rows are written or locked."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    opaque: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether no table is touched at all."""
        return not (self.reads or self.writes or self.opaque)

    def conflicts(self, other: "Footprint") -> bool:
        """Whether the order of the two statements can matter."""
        if self.is_nothing or other.is_nothing:
            return False
        if self.opaque or other.opaque:
            return True
        return bool(self.writes & (other.reads | other.writes) or other.writes & self.reads)


OPAQUE = Footprint(opaque=True)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the database says: ``builtin`` are the server's functions, ``own`` the names of the shop's, ``linked`` the
    tables that a write to a table reaches by foreign keys, ``triggered`` those with triggers of the shop's."""

    builtin: frozenset[str]
    own: frozenset[str]
    linked: dict[str, frozenset[str]]
    triggered: frozenset[str]
    views: frozenset[str]


def footprint(queries: Iterable[str], catalogue: Catalogue) -> Footprint:
    """The footprint of a statement with these queries. Tables are known by their last name: two of one name in two
    schemas count as one, which errs to the safe side."""
    reads: set[str] = set()
    writes: set[str] = set()
    for sql in queries:
        try:
            found = _Seen(catalogue)
            found(parse_sql(sql))
        except (ParseError, ValueError, RecursionError):
            return OPAQUE
        if found.opaque:
            return OPAQUE
        reads |= found.reads
        writes |= found.writes
    if writes & catalogue.triggered or (reads | writes) & catalogue.views:
        return OPAQUE
    for table in tuple(writes):
        writes |= catalogue.linked.get(table, frozenset())
    return Footprint(frozenset(reads - writes), frozenset(writes))


class _Seen(Visitor):
    """Walks over a parsed query. Nodes are pglast's, whose types say less than the grammar."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.opaque = False
        self._catalogue = catalogue
        self._named: set[str] = set()
        self._locks = False

    def __call__(self, node: Any) -> Any:
        result = super().__call__(node)
        self.reads -= self._named
        if self._locks:  # which of the query's tables are locked need not be looked up: all count as written
            self.writes |= self.reads
        return result

    def visit_CommonTableExpr(self, ancestors: Any, node: Any) -> None:
        self._named.add(node.ctename)

    def visit_RangeVar(self, ancestors: Any, node: Any) -> None:
        self.reads.add(node.relname)

    def visit_LockingClause(self, ancestors: Any, node: Any) -> None:
        self._locks = True

    def visit_FuncCall(self, ancestors: Any, node: Any) -> None:
        name = node.funcname[-1].sval
        known = name in self._catalogue.builtin and name not in self._catalogue.own
        if not known or any(part in name for part in _FAR_REACHING):
            self.opaque = True

    def _writes(self, ancestors: Any, node: Any) -> None:
        self.writes.add(node.relation.relname)

    def _anything(self, ancestors: Any, node: Any) -> None:
        self.opaque = True

    visit_InsertStmt = visit_UpdateStmt = visit_DeleteStmt = visit_MergeStmt = _writes
    visit_CallStmt = visit_LockStmt = visit_TruncateStmt = visit_DoStmt = _anything


def independence(footprints: Sequence[Footprint]) -> list[bool]:
    """The matrix, row by row: whether the statement behind one mark can change places with that behind another."""
    return [not one.conflicts(other) for one in footprints for other in footprints]
