"""The log's rows as tables: the row images before and after every change of a mapped table.

The log prints a row as ``name[type]:value`` pairs. One anchored expression a table, made from the catalogue, matches
the whole row, so that a value that looks like a column (a product named ``x stock[integer]:-5``) fools nobody.
"""

import re

import duckdb

from doorbuster.record.catalogue import Column, Table
from doorbuster.record.seal import quoted

_VALUE = r"null|unchanged-toast-datum|'(?:[^']|'')*'|B'[01]*'|[^' ]+"
# PostgreSQL's types to DuckDB's, where the text is not enough for arithmetic or comparison.
_TYPES = {
    "smallint": "BIGINT",
    "integer": "BIGINT",
    "bigint": "BIGINT",
    "numeric": "DECIMAL(38,9)",
    "real": "DOUBLE",
    "double precision": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
}

# The sides of a row that an operation tells: o, the old one; n, the new one.
_GROUPS = {"INSERT": "n", "DELETE": "o", "UPDATE": "on"}
_MATCHED = "matched_"


class LogNotUnderstood(Exception):
    """A row of the log did not have the shape that the catalogue says; quotes it."""


def create_images(connection: duckdb.DuckDBPyConnection, table: Table, name: str) -> None:
    """Create the table ``name`` from ``changes``: ``_commit``, ``_seq``, ``_sign``, ``_entry``, then the row's columns.

    ``_sign`` is -1 for the row that a change removed and +1 for the one it left; ``_entry`` is the row's identity.

    Raises:
        LogNotUnderstood: a change whose text does not match.
    """
    for op in _GROUPS:
        _match(connection, table, op)
    _require_understood(connection, table)
    sides = [("INSERT", "n"), ("DELETE", "o"), ("UPDATE", "o"), ("UPDATE", "n")]
    union = " union all ".join(_images(table, op, side) for op, side in sides)
    connection.execute(f"create table {name} as select *, {_entry(table)} as _entry from ({union})")
    for op in _GROUPS:
        connection.execute(f"drop table {_MATCHED}{op}")


def require_unbroken(connection: duckdb.DuckDBPyConnection, table: Table, image: str) -> None:
    """The log's own proof: what a change removes must be what the change before it left in that row.

    Raises:
        LogNotUnderstood: a break; then the log does not show every change, and nothing can be said.
    """
    if not connection.execute(f"select 1 from {image} where _sign = -1 limit 1").fetchone():
        return
    columns = ", ".join(_identifier(c.name) for c in table.columns)
    found = connection.execute(f"""
        with state as (
            select _entry, _commit, _sign, hash({columns}) as content,
                   lag(hash({columns})) over entry_so_far as left_by,
                   lag(_sign) over entry_so_far as earlier
            from {image} window entry_so_far as (partition by _entry order by _seq, _sign)
        )
        select _entry, _commit from state
        where _sign = -1 and (earlier is null or (earlier = 1 and content <> left_by)) limit 1""").fetchone()
    if found:
        raise LogNotUnderstood(
            f"{table.printed}: commit {found[1]} changes the row {found[0]} from another state than it was left in"
        )


def _pattern(table: Table, op: str) -> str:
    """The whole row's text for an operation; old rows leave NULL columns out."""
    old = "".join(f"(?: ?{_column(c)})?" for c in table.columns)
    new = " ".join(_column(c) for c in table.columns)
    return {"INSERT": f"^{new}$", "DELETE": f"^{old}$", "UPDATE": f"^old-key:{old} new-tuple: {new}$"}[op]


def _column(column: Column) -> str:
    return rf"{re.escape(column.printed)}\[{re.escape(column.kind)}\]:({_VALUE})"


def _match(connection: duckdb.DuckDBPyConnection, table: Table, op: str) -> None:
    """A table of an operation's rows, each matched once: both sides of an update are taken from the one match."""
    names = ", ".join(f"'{g}{i}'" for g in _GROUPS[op] for i, _ in enumerate(table.columns))
    connection.execute(f"""
        create table {_MATCHED}{op} as
        select commit, seq, regexp_extract(data, {quoted(_pattern(table, op))}, [{names}]) as v
        from changes where relation = {quoted(table.printed)} and op = {quoted(op)}""")


def _images(table: Table, op: str, side: str) -> str:
    """A query for the images of one side (o, old; n, new) of one operation."""
    columns = ", ".join(_decoded(column, f"{side}{i}", i, op) for i, column in enumerate(table.columns))
    return f"""
        select commit as _commit, seq as _seq, {1 if side == "n" else -1} as _sign, {columns} from {_MATCHED}{op}"""


def _decoded(column: Column, group: str, index: int, op: str) -> str:
    value = f"v.{group}"
    if op == "UPDATE" and group.startswith("n"):  # an unchanged large value is not logged again
        value = f"(case when v.{group} = 'unchanged-toast-datum' then v.o{index} else v.{group} end)"
    text = f"""(case when {value} in ('null', '') then null
                     when starts_with({value}, '''') then replace({value}[2:-2], '''''', '''')
                     else {value} end)"""
    kind = _TYPES.get(column.kind)
    typed = f"try_cast({text} as {kind})" if kind else text
    return f"{typed} as {_identifier(column.name)}"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _entry(table: Table) -> str:
    keys = [c for c in table.columns if c.is_key] or list(table.columns)
    return " || '/' || ".join(f"coalesce({_identifier(c.name)}::varchar, '')" for c in keys)


def _require_understood(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """A row that did not match has only empty values, and no value of the log is empty; an old row may have none."""
    for op, groups in _GROUPS.items():
        empty = " and ".join(f"v.{groups[-1]}{i} = ''" for i, _ in enumerate(table.columns))
        row = connection.execute(
            f"select data from (select seq from {_MATCHED}{op} where {empty}) join changes using (seq) "
            "where relation = ? and op = ? and not regexp_matches(data, ?) limit 1",
            [table.printed, op, _pattern(table, op)],
        ).fetchone()
        if row:
            raise LogNotUnderstood(f"{table.printed}: {op} {row[0][:300]}")
