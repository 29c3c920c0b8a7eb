"""Plain orders set aside, so that the checks look at the rest: see sql/screen.sql."""

import re
from concurrent.futures import ThreadPoolExecutor

import duckdb

from doorbuster.host.resources import resource

_PART = re.compile(r"(?m)^-- part: ([a-z ]+)$")
_REST = (
    "attempts", "requests", "request_lines", "commits",
    "order_events", "line_events", "stock_events", "movement_events",
)  # fmt: skip


def set_plain_aside(connection: duckdb.DuckDBPyConnection, *, can_be_told: bool) -> None:
    """Create the schema ``rest``, and the table ``plain`` that counts what is not in it.

    Where plain orders cannot be told (``can_be_told``: a flow of several transactions, say) the rest is everything.
    """
    connection.execute("create schema rest")
    if not can_be_told:
        _keep_all(connection)
        return
    parts = _parts(resource("sql/screen.sql").read_text())
    log = connection.cursor()  # it has variables of its own
    run_script(log, parts["the stretch of buyers"])
    if _is_true(log, parts["others are between"]):
        run_script(log, parts["leave others out"])
    with ThreadPoolExecutor(1) as beside:  # rows are compared in their order by one thread; joins take the other
        agrees = beside.submit(_is_true, log, parts["the log agrees"])
        run_script(connection, parts["tie"])
    if not agrees.result():
        run_script(connection, parts["the log differs"])
    if not _is_true(connection, parts["each cart once"]):
        run_script(connection, parts["not each cart once"])
    run_script(connection, parts["set aside"])
    with ThreadPoolExecutor(1) as beside:  # each is a scan with little to do
        by_key = beside.submit(run_script, log, parts["the rest by its keys"])
        run_script(connection, parts["the rest by its commits"])
    by_key.result()


def _keep_all(connection: duckdb.DuckDBPyConnection) -> None:
    for table in _REST:
        connection.execute(f"create view rest.{table} as from main.{table}")
    connection.execute("create view rest.keys as select order_key from main.request_lines")
    connection.execute("create table plain as select 0 as orders, 0 as with_told_id, 0 as with_total")


def _parts(text: str) -> dict[str, str]:
    marks = list(_PART.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark[1]: text[mark.end() : end] for mark, end in zip(marks, ends, strict=True)}


def run_script(connection: duckdb.DuckDBPyConnection, statements: str) -> None:
    """Run one statement of a script after the other."""
    for statement in connection.extract_statements(statements):
        connection.execute(statement)


def _is_true(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and row[0] is True
