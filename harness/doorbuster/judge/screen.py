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
    runner.run(script["the stretch of buyers"])
    if _is_true(connection, script["others are between"]):
        runner.run(script["leave others out"])
    runner.run(script["tie"])
    if not _is_true(connection, script["the log agrees"]):
        runner.run(script["the log differs"])
    if not _is_true(connection, script["each cart once"]):
        runner.run(script["not each cart once"])
    runner.run(script["set aside"])
    if _is_true(connection, script["some are named"]):
        runner.run(script["add the named"])
    runner.run(script["put away"])


def _keep_all(connection: duckdb.DuckDBPyConnection) -> None:
    for table in _REST:
        connection.execute(f"create view rest.{table} as from main.{table}")
    connection.execute("create view rest.keys as select order_key from main.request_lines")
    connection.execute("create table plain as select 0 as orders, 0 as with_told_id, 0 as with_total")


def _is_true(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and row[0] is True
