"""Setting plain orders aside changes nothing: the checks find the same rows in the rest as in the whole history.

DOORBUSTER_SPOILED_HISTORIES says how many made histories are spoiled; each takes about a second.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import duckdb
import pytest
from doorbuster.judge import views
from doorbuster.judge.checks import exercised, standard_checks, violations
from doorbuster.judge.figures import count
from doorbuster.judge.views import EVENTS, THRESHOLDS, blind_spots, create_canonical, create_views, open_run
from doorbuster.record.tables import TABLES

from benchmarks.judge import contract
from benchmarks.synthetic import write_events, write_history, write_no_changes
from tests.judge.golden import read_golden
from tests.judge.histories import TABLES_OF_SHOP, History, contract_of
from tests.judge.test_golden import BAD, name_of
from tests.peers.simulate import record
from tests.peers.test_porcupine import drawn

DRAWN = 400
SPOILED = int(os.environ.get("DOORBUSTER_SPOILED_HISTORIES", "15"))
# What a shop's own checks may read, and what reports are made of.
DOCUMENTED = (
    "stock", "orders", "lines", "sold", "movements", "carts", "order_results", "made_by", "initial_stock", "ledger",
    "drift", "unrest", "least_stock", "recoveries",
)  # fmt: skip


@contextmanager
def whole_or_rest(*, aside: bool) -> Iterator[None]:
    """Plain orders are set ``aside``, or not."""
    with pytest.MonkeyPatch.context() as patch:
        if not aside:
            patch.setattr(views, "_makes_plain_orders", lambda *_, **__: False)
        yield


def said(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """All that the judge says: each check's violations and how much exercised it, and each documented table."""
    checks = standard_checks().values()
    return {
        "blind spots": blind_spots(connection),
        **{f"{c.name}: violations": as_bag(violations(connection, c)) for c in checks},
        **{f"{c.name}: exercised": exercised(connection, c) for c in checks},
        **{table: rows(connection, table) for table in DOCUMENTED},
    }


def rows(connection: duckdb.DuckDBPyConnection, table: str) -> Counter[frozenset[tuple[str, object]]]:
    """The rows of a table, in no order."""
    found = connection.execute(f"from {table}")
    names = [column[0] for column in found.description or ()]
    return as_bag(dict(zip(names, row, strict=True)) for row in found.fetchall())


def as_bag(found: Iterable[dict[str, object]]) -> Counter[frozenset[tuple[str, object]]]:
    return Counter(frozenset(row.items()) for row in found)


def number_set_aside(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("select orders from plain").fetchone()
    assert found is not None
    return int(found[0])


def compare(opened: Callable[[], duckdb.DuckDBPyConnection]) -> int:
    """Hold what is said with plain orders set aside beside what is said without; how many were set aside."""
    with whole_or_rest(aside=True), opened() as connection:
        screened, number = said(connection), number_set_aside(connection)
    with whole_or_rest(aside=False), opened() as connection:
        assert number_set_aside(connection) == 0
        whole = said(connection)
    for what, expected in whole.items():
        assert screened[what] == expected, what
    return number


def opens(history: History, folder: Path) -> Callable[[], duckdb.DuckDBPyConnection]:
    """What opens the canonical tables of a stored history."""
    history.store(folder)

    def opened() -> duckdb.DuckDBPyConnection:
        connection = open_run(folder)
        create_views(connection, contract_of(history.rules), TABLES_OF_SHOP, ["deadlock"])
        connection.execute(THRESHOLDS)
        return connection

    return opened


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_bad_golden_history_is_judged_the_same(path: Path, tmp_path: Path) -> None:
    compare(opens(read_golden(path).history, tmp_path))


def test_drawn_histories_are_judged_the_same(tmp_path: Path) -> None:
    assert compare(opens(record(drawn(DRAWN)), tmp_path)) > 0


SPOILT = (
    "attempts", "requests", "request_lines", "commits",
    "order_events", "line_events", "stock_events", "movement_events",
)  # fmt: skip
# What the judge itself makes or the harness writes has no gaps here, names transactions that are there, and is unique.
WHOLE = ("commit", "entry", "product", "delta", "order_key", "attempt")
FIXED = (("commits", "commit"), ("requests", "order_key"))
ONCE = ("requests", "commits", "line_events", "stock_events", "movement_events")


def spoil(connection: duckdb.DuckDBPyConnection, chance: Random) -> str:
    """A statement that spoils one row of a table: takes it out, doubles it, or changes a column."""
    table = chance.choice(SPOILT)
    one, other = (chance.randrange(count(connection, f"select count(*) from {table}")) for _ in range(2))
    if chance.random() < 0.2:
        return f"delete from {table} where rowid = {one}"
    if chance.random() < 0.2 and table not in ONCE:
        return f"insert into {table} from {table} where rowid = {one}"
    columns = connection.execute(f"describe {table}").fetchall()
    column, kind = chance.choice([(name, kind) for name, kind, *_ in columns if (table, name) not in FIXED])
    values = [f"(select {column} from {table} where rowid = {other})"]
    if column not in WHOLE:
        values.append("null")
    if column != "commit":
        values.append("'nobody'" if kind == "VARCHAR" else f"{column} + {chance.choice((-1, 1, 1000))}")
    return f"update {table} set {column} = {chance.choice(values)} where rowid = {one}"


@pytest.mark.parametrize("seed", range(SPOILED))
def test_a_spoiled_history_is_judged_the_same(seed: int, made: Path) -> None:
    chance = Random(seed)
    statements: list[str] = []

    def opened() -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        for folder, tables in ((made, TABLES), (made / "events", EVENTS)):
            for table in tables:
                connection.execute(f"create table {table} as from '{folder / table}.parquet'")
        if not statements:
            statements.extend(spoil(connection, chance) for _ in range(chance.randint(1, 8)))
        for statement in statements:
            connection.execute(statement)
        create_canonical(connection, contract(), ["deadlock"])
        connection.execute(THRESHOLDS)
        return connection

    try:
        compare(opened)
    except AssertionError as difference:
        raise AssertionError(f"{difference}\nafter {'; '.join(statements)}") from difference


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made run of which nearly every order is plain."""
    folder = tmp_path_factory.mktemp("made")
    write_history(folder, 150)
    write_events(folder)
    write_no_changes(folder)
    return folder
