"""Odd functions do the same with yields in them, each run alone on a real server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from doorbuster.drive.interleave.gates import SCHEMA, install
from doorbuster.host.guardian import Guardian
from doorbuster.instrument.yields import Yields, read_yields
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer

ODD = (Path(__file__).parent / "odd_functions.sql").read_text()
TABLES = """
create table shelf (id int primary key, v int); insert into shelf values (1, 10), (2, 20), (3, 30);
create table log (line text);
"""
CALLS = (
    "select odd_labels()", "select odd_several_on_a_line()", "select odd_found_and_row_count()",
    "select odd_handlers()", "select odd_strings_and_comments()", "select odd_branches()", "select odd_loops()",
    "select odd_search_path()", 'select "Odd; Name"()', 'select "Odd; Name"(6)', "call odd_procedure(1)",
    "update shelf set v = 5 returning v", "select odd_raises()",
)  # fmt: skip


async def _does(connection: asyncpg.Connection, call: str) -> list[Any]:
    """What a call answers, and all that it leaves, taken back afterwards."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        try:
            async with connection.transaction():
                answer: Any = [tuple(row) for row in await connection.fetch(call)]
        except asyncpg.PostgresError as error:
            answer = (error.sqlstate, str(error))
        left = [[tuple(r) for r in await connection.fetch(f"select * from {t} order by 1")] for t in ("shelf", "log")]
        return [answer, *left]
    finally:
        await transaction.rollback()


@pytest.fixture
async def connection() -> AsyncIterator[asyncpg.Connection]:
    with Guardian() as guardian, EmbeddedServer(find_binaries(None), guardian) as server:
        opened = await asyncpg.connect(server.dsn("postgres"), ssl=False)
        yield opened
        await opened.close()


async def _instrumented(connection: asyncpg.Connection, text: str) -> tuple[list[list[Any]], list[Yields]]:
    """What every call does without yields; afterwards, the functions have them."""
    await connection.execute(TABLES + text)
    before = [await _does(connection, call) for call in CALLS]
    functions, left_out = await read_yields(connection, SCHEMA)
    assert left_out == {}
    await install(connection, functions, [], triggers=False)
    return before, functions


@pytest.mark.parametrize("text", [ODD, ODD.replace("\n", "\r\n")], ids=["LF", "CRLF"])
async def test_each_answers_and_leaves_the_same_with_yields_in_it(connection: asyncpg.Connection, text: str) -> None:
    before, functions = await _instrumented(connection, text)
    assert len(functions) == ODD.count("language plpgsql")
    definitions = [row[0] for row in await connection.fetch("select prosrc from pg_proc where prosrc ~ 'gate.reach'")]
    assert len(definitions) == len(functions) + 1  # and the trigger function of the gates themselves
    for call, expected in zip(CALLS, before, strict=True):
        assert await _does(connection, call) == expected, call


async def test_lines_stay_where_they_were(connection: asyncpg.Connection) -> None:
    _, functions = await _instrumented(connection, ODD)
    for one in functions:
        marked = one.function.marked("reach", 1)
        assert marked.count("\n") == one.function.definition.count("\n")
        assert marked.count("reach(") == len(one.function.marks) == len(one.footprints)
    with pytest.raises(asyncpg.NoDataFoundError) as caught:
        await connection.fetch("select odd_raises()")
    assert "line 2 at SQL statement" in str(caught.value.context)
