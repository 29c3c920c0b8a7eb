"""A contract's mappings, tried over tables without rows: each expression that DuckDB does not take, by its key."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

import duckdb

from doorbuster.judge.views import BadMapping, create_all_images, create_empty, create_events, rows_of
from doorbuster.model.contract import Contract, Mapped
from doorbuster.record.catalogue import Table
from doorbuster.record.database import database
from doorbuster.record.tables import TABLES

_NO_EXPRESSIONS = ("table", "tables", "sql")
# As what the views use an expression; any other is cast to text, which everything can be.
_USED_AS = {
    "quantity": "1 * ({})", "change": "1 * ({})", "price": "1 * ({})", "total": "({})::decimal(38,9)",
    "live": "case when {} then 1 end",
}  # fmt: skip


def mapping_mistakes(contract: Contract, tables: Sequence[Table]) -> list[str]:
    """What is wrong with the contract's mappings, each with its key and its cure; ``tables`` are all that it maps."""
    with database() as connection:
        create_empty(connection, TABLES)
        images = create_all_images(connection, tables)
        known = {table.name: tuple(column.printed for column in table.columns) for table in tables}
        found = [
            f"{key}: {_told(problem)}{_cure(problem, mapping, known)}"
            for place, mapping in _named(contract)
            for key, problem in _mistakes(connection, place, mapping, images)
        ]
        if not found:  # each by itself is one that DuckDB takes; together they may still not be
            try:
                create_events(connection, contract, images)
            except BadMapping as problem:
                found.append(str(problem))
        return found


def _named(contract: Contract) -> Iterator[tuple[str, Mapped]]:
    yield from ((f"stock.{number}", mapping) for number, mapping in enumerate(contract.stock))
    for name in ("orders", "lines", "movements", "consumption"):
        mapping = getattr(contract, name)
        if mapping is not None:
            yield name, mapping


def _mistakes(
    connection: duckdb.DuckDBPyConnection, place: str, mapping: Mapped, images: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    rows = rows_of(mapping, images)
    if mapping.sql is not None and (problem := _problem(connection, f"_commit, _seq, _sign, _entry from {rows}")):
        yield f"{place}.sql", problem
        return  # its columns are not known, so nothing can be said of what is made of them
    for name in (one.name for one in fields(mapping) if one.name not in _NO_EXPRESSIONS):
        expression = getattr(mapping, name)
        used = _USED_AS.get(name, "({})::varchar")
        if expression is not None and (problem := _problem(connection, f"{used.format(expression)} from {rows}")):
            yield f"{place}.{name}", problem


def _problem(connection: duckdb.DuckDBPyConnection, selected: str) -> str | None:
    try:
        connection.execute(f"select {selected}")
    except duckdb.Error as problem:
        return str(problem)
    return None


def _told(problem: str) -> str:
    return re.sub(r"^\w+ Error: ", "", problem.splitlines()[0])


def _cure(problem: str, mapping: Mapped, known: Mapping[str, Sequence[str]]) -> str:
    mapped = (mapping.table, *mapping.tables)
    named = re.search(r'column "([^"]+)"', problem)
    near = named and difflib.get_close_matches(named[1], [c for table in mapped for c in known[table]], 1)
    columns = "".join(f"\n    {table}: {', '.join(known[table])}" for table in mapped)
    guess = f"Did you mean {near[0]}? " if near else ""
    return f"\n    {guess}Mappings are DuckDB expressions over the columns of their table.{columns}"
