"""Scripts whose statements are run as soon as what they read is there."""

from collections.abc import Iterator
from threading import Barrier

import duckdb
import pytest
from doorbuster.judge.script import ScriptRunner, parts

TIMES = 20  # a statement that comes too early would do so by luck, if at all


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def value(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def test_a_script_is_told_by_its_parts() -> None:
    assert parts("-- note\n-- part: one thing\nselect 1;\n-- part: another\nselect 2;\n") == {
        "one thing": "\nselect 1;\n",
        "another": "\nselect 2;\n",
    }


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param("create table a as select 7 as n; create table b as select n + 1 as n from a", 8, id="table"),
        pytest.param(
            "create table a as select sum(n) as n from range(1000000) t(n); create view v as from a;"
            "create table b as select n + 1 as n from v", 499999500001, id="through a view",
        ),
        pytest.param(
            "create table a as select 1 as n; create view v as from a; insert into a select 2 from range(1);"
            "create table b as select sum(n) as n from v", 3, id="a view of what grew",
        ),
        pytest.param(
            "create table a (n int); insert into a values (5); create table b as from a", 5, id="filled before",
        ),
        pytest.param(
            "create table a as select 5 as n; create table b as select sum(n) as n from a, range(1000000);"
            "insert into a values (6); drop table a", 5000000, id="filled and dropped after",
        ),
        pytest.param(
            "create macro twice(n) as 2 * n; create table b as select twice(21) as n", 42, id="macro",
        ),
        pytest.param(
            "create table a as select 4 as n; set variable x = (select n from a);"
            "create view v as select getvariable('x') as n; create table b as from v", 4, id="variable",
        ),
        pytest.param(
            "set variable x = (select null); create table b as select getvariable('x') is null as n", True, id="null",
        ),
        pytest.param(
            "create table a as select 1 as n; create or replace table a as select 2 as n;"
            "create or replace table a as select n + 1 as n from a; create table b as from a", 3, id="made anew",
        ),
    ],
)  # fmt: skip
def test_the_result_is_that_of_one_statement_after_the_other(
    database: duckdb.DuckDBPyConnection, statements: str, expected: object
) -> None:
    for _ in range(TIMES):
        for kind, name in database.execute(
            "select 'view', view_name from duckdb_views() where not internal "
            "union all select 'table', table_name from duckdb_tables() "
            "union all select 'macro', function_name from duckdb_functions() where not internal"
        ).fetchall():
            database.execute(f"drop {kind} if exists {name}")
        ScriptRunner(database).run(statements)
        assert value(database, "select n from b") == expected


def test_a_variable_is_known_to_later_scripts(database: duckdb.DuckDBPyConnection) -> None:
    runner = ScriptRunner(database)
    runner.run("set variable x = (select 3)")
    runner.run("create table b as select getvariable('x') as n")
    assert value(database, "select n from b") == 3


def test_what_a_view_reads_is_known_to_later_scripts(database: duckdb.DuckDBPyConnection) -> None:
    runner = ScriptRunner(database)
    runner.run("create table a as select 5 as n; create view v as from a")
    slow = "create table c as select sum(n) as n from range(1000000) t(n)"
    runner.run(f"{slow}; create table b as select v.n from v, c; drop table a")
    assert value(database, "select n from b") == 5


def test_statements_that_need_nothing_of_each_other_are_run_at_the_same_time(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, run = Barrier(2, timeout=30), ScriptRunner._run

    def met(runner: ScriptRunner, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        both.wait()
        run(runner, connection, text)

    monkeypatch.setattr(ScriptRunner, "_run", met)
    ScriptRunner(database).run("create table a as select 1 as n; create table b as select 2 as n")
    assert value(database, "select a.n + b.n from a, b") == 3


def test_what_runs_is_broken_off_where_another_fails(database: duckdb.DuckDBPyConnection) -> None:
    endless = "create table a as select count(*) from range(1000000000) t(i), range(1000000000) u(j) where i + j = 3"
    with pytest.raises(duckdb.Error, match="no_such_table"):
        ScriptRunner(database).run(f"{endless}; create table b as from no_such_table; create table c as from b")
    assert value(database, "select count(*) from duckdb_tables()") == 0


def test_a_statement_that_makes_nothing_is_no_part_of_a_script(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="makes nothing: select 1"):
        ScriptRunner(database).run("select 1")
