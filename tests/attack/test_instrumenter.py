"""Any function that deploys still deploys when it is instrumented, and does the same when it is run alone.

DOORBUSTER_FUZZ=100000 says how many functions; without it, few enough for every day.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from doorbuster.host.guardian import Guardian
from doorbuster.instrument.functions import Function, marks_of
from doorbuster.instrument.outline import NotUnderstood
from doorbuster.instrument.yields import read_catalogue, yields_of
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer
from hypothesis import given, settings

from tests.attack.functions import TABLE, Made, functions
from tests.attack.test_fuzz import EXAMPLES, fuzzed

# As the harness's own: a point counts up, which no rollback takes back, and says no.
REACH = """
create sequence reached;
create function reach(point int) returns boolean language plpgsql as $$
begin perform nextval('reached'); return false; end $$;
"""
READ = "select pg_get_functiondef(oid) as definition, prosrc as source from pg_proc where proname = 'fuzzed'"


class Bench:
    """A database, and what a function does in it."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection = self.wait(asyncpg.connect(dsn, ssl=False))
        self.wait(self._connection.execute(TABLE + ";" + REACH))
        self.catalogue = self.wait(read_catalogue(self._connection))
        self.kinds: Counter[str] = Counter()

    def wait(self, work: Any) -> Any:
        """The result of asynchronous work."""
        return self._runner.run(work)

    def close(self) -> None:
        """Hang up."""
        self.wait(self._connection.close())
        self._runner.close()

    def read(self, definition: str) -> tuple[str, str] | None:
        """A function's definition and body as the server has them; None where it does not deploy."""
        try:
            self.wait(self._connection.execute(f"drop function if exists fuzzed(); {definition}"))
        except asyncpg.PostgresError:
            return None
        row = self.wait(self._connection.fetchrow(READ))
        return row["definition"], row["source"]

    def does(self, definition: str) -> tuple[object, ...]:
        """What it answers, the rows it leaves, and what it says on the way, all taken back afterwards."""
        return tuple(self.wait(self._does(definition)))

    async def _does(self, definition: str) -> list[object]:
        said: list[str] = []
        listener = lambda _, message: said.append(message.message)  # noqa: E731
        self._connection.add_log_listener(listener)
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await self._connection.execute(definition)
            try:
                async with self._connection.transaction():
                    answer: object = [row[0] for row in await self._connection.fetch("select fuzzed()")]
            except asyncpg.PostgresError as error:
                answer = (error.sqlstate, str(error))
            rows = [tuple(row) for row in await self._connection.fetch("select * from shelf order by id")]
            return [answer, rows, said]
        finally:
            await transaction.rollback()
            self._connection.remove_log_listener(listener)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Guardian() as guardian, EmbeddedServer(find_binaries(None), guardian) as server:
        made = Bench(server.dsn("postgres"))
        yield made
        made.close()


def test_an_instrumented_function_deploys_and_does_the_same(bench: Bench) -> None:
    # Each takes a server some milliseconds.
    @settings(parent=fuzzed, max_examples=EXAMPLES if EXAMPLES > 1000 else 50)
    @given(made=functions())
    def try_one(made: Made) -> None:
        bench.kinds[_tried(bench, made)] += 1

    try_one()
    seen = bench.kinds
    assert seen["deployed"] > seen["refused by the server"], seen  # or nothing much was tried
    assert seen["deployed"] > 20 * seen["not understood"], seen


def _tried(bench: Bench, made: Made) -> str:
    read = bench.read(made.definition)
    if read is None:
        return "refused by the server"
    definition, source = read
    try:
        copies = [
            Function("fuzzed", definition, source, marks_of(definition, source)),
            yields_of("fuzzed", definition, source, bench.catalogue).function,
        ]
    except NotUnderstood:
        return "not understood"
    before = bench.does(definition)
    for copy in copies:
        marked = copy.marked("reach", 1)
        assert marked.count("reach(") == len(copy.marks)
        assert bench.does(marked) == before, marked
    return "deployed"
