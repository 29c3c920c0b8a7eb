"""Plain orders set aside, so that the checks look at the rest: see sql/screen.sql."""

import duckdb

from doorbuster.host.resources import resource
from doorbuster.judge.script import ScriptRunner, parts

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
    script = parts(resource("sql/screen.sql").read_text())
    runner = ScriptRunner(connection)
    runner.run(script["set aside"] + script["look for the named"])
    if not _is_true(connection, script["all agree"]):
        runner.run(script["find what differs"] + script["add"] + script["look for the named"])
    if _is_true(connection, script["some are named"]):
        runner.run(script["add"])
    runner.run(script["put away"])


def _keep_all(connection: duckdb.DuckDBPyConnection) -> None:
    for table in _REST:
        connection.execute(f"create view rest.{table} as from main.{table}")
    connection.execute("create table plain as select 0 as orders, 0 as with_told_id, 0 as with_total")


def _is_true(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and row[0] is True
