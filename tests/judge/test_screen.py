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
from doorbuster.judge.script import ScriptRunner
from doorbuster.judge.views import EVENTS, THRESHOLDS, blind_spots, create_canonical, create_views, open_run
from doorbuster.record.seal import write_parquet
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


def stored(made: Path) -> duckdb.DuckDBPyConnection:
    """The stored tables of a made run, and its events."""
    connection = duckdb.connect()
    for folder, tables in ((made, TABLES), (made / "events", EVENTS)):
        for table in tables:
            connection.execute(f"create table {table} as from '{folder / table}.parquet'")
    return connection


def opened_after(made: Path, *statements: str) -> duckdb.DuckDBPyConnection:
    """The canonical tables of a made run that was changed by ``statements``."""
    connection = stored(made)
    for statement in statements:
        connection.execute(statement)
    create_canonical(connection, contract(), ["deadlock"])
    connection.execute(THRESHOLDS)
    return connection


@pytest.mark.parametrize("seed", range(SPOILED))
def test_a_spoiled_history_is_judged_the_same(seed: int, made: Path) -> None:
    chance = Random(seed)
    statements: list[str] = []

    def opened() -> duckdb.DuckDBPyConnection:
        if not statements:
            with stored(made) as connection:
                statements.extend(spoil(connection, chance) for _ in range(chance.randint(1, 8)))
        return opened_after(made, *statements)

    try:
        compare(opened)
    except AssertionError as difference:
        raise AssertionError(f"{difference}\nafter {'; '.join(statements)}") from difference


# Keys of plain orders, of one line and of two, and of one that was told only when it was tried again.
SINGLE, OTHER, DOUBLE, STRANGER, UNTOLD, LOST = "k2", "k4", "k5", "k9", "k3", "k7"
# What may be wrong with DOUBLE's second line, or its total: a sum tells that something is, and a join finds it.
COMMIT = f"commit = (select commit from order_events where order_key = '{DOUBLE}')"
OF_LAST = f"{COMMIT} and product = (select max(product) from line_events where {COMMIT})"
WRONG = {
    "another product wanted": f"update request_lines set product = '1' where order_key = '{DOUBLE}' and line = 1",
    "more wanted": f"update request_lines set quantity = 2 where order_key = '{DOUBLE}' and line = 1",
    "a line too many": f"delete from request_lines where order_key = '{DOUBLE}' and line = 1",
    "a line too few": f"delete from line_events where {OF_LAST}",
    "more sold": f"update line_events set delta = 2 where {OF_LAST}",
    "a line of another order": f"update line_events set order_id = '9' where {OF_LAST}",
    "too little taken": f"delete from stock_events where {OF_LAST}",
    "too much taken": f"update stock_events set delta = -2 where {OF_LAST}",
    "taken by nobody": f"update stock_events set commit = 1000000 where {OF_LAST}",
    "a movement too few": f"delete from movement_events where {OF_LAST}",
    "a movement of more": f"update movement_events set delta = -2 where {OF_LAST}",
    "a movement of another order": f"update movement_events set order_id = '9' where {OF_LAST}",
    "another total": f"update order_events set total = total + 0.000000001 where {COMMIT}",
    "another amount": f"update line_events set amount = amount - 0.000000001 where {OF_LAST}",
    "a total beyond all sums": f"update order_events set total = 12345678901234567890123456789 where {COMMIT}",
    "an amount beyond all sums": f"update line_events set amount = 12345678901234567890123456789 where {OF_LAST}",
    "a total and an amount beyond all sums": f"update order_events set total = 3000000000 where {COMMIT}; "
                                             f"update line_events set amount = 2000000000 where {COMMIT}",
}  # fmt: skip


def keys_of_rest(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {key for (key,) in connection.execute("select order_key from rest.requests").fetchall()}


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that are run."""
    ran: list[str] = []
    run = ScriptRunner.run

    def noted(self: ScriptRunner, script: str) -> None:
        ran.append(script)
        run(self, script)

    monkeypatch.setattr(ScriptRunner, "run", noted)
    return ran


# What is nothing wrong, and names nobody.
HARMLESS = {
    "as made": (),
    "movements without orders": ("update movement_events set order_id = null",),
    "nobody ever asked for it": (
        "insert into requests by name select 'unasked' as order_key, '10' as total, 'valid' as order_class",
        "insert into request_lines values ('unasked', 0, '1', 1, '10')"),
    "tried before in vain": (
        f"insert into attempts by name select 9999999 as attempt, '{SINGLE}' as order_key, 0 as try_no, "
        "1 as invoked_us, 'unknown' as outcome",),
}  # fmt: skip


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_harmless_takes_no_second_look(what: str, made: Path, scripts: list[str]) -> None:
    opened_after(made, *HARMLESS[what])
    assert len(scripts) == 3  # what is set aside, what is put away, and the canonical tables


def test_joins_look_for_what_is_wrong(made: Path, scripts: list[str]) -> None:
    opened_after(made, WRONG["more sold"])
    assert len(scripts) == 4
    assert "create table rest.differing" in scripts[1]


@pytest.mark.parametrize("what", WRONG)
def test_an_order_with_something_wrong_is_not_set_aside(what: str, made: Path, as_made: set[str]) -> None:
    assert not as_made & {SINGLE, OTHER, DOUBLE, STRANGER}
    added = keys_of_rest(opened_after(made, WRONG[what])) - as_made
    assert DOUBLE in added
    assert added <= {DOUBLE, STRANGER}
    compare(lambda: opened_after(made, WRONG[what]))


# The order of OTHER becomes one of SINGLE's.
SAME_KEY = (
    f"update attempts set order_key = '{SINGLE}' where order_key = '{OTHER}'",
    f"update order_events set order_key = '{SINGLE}' where order_key = '{OTHER}'",
)  # fmt: skip
OTHER_COMMIT = f"(select commit from commits join attempts using (attempt) where order_id = '{OTHER[1:]}')"
# What names an order that has nothing wrong, so that it is one of the rest.
NAMING: dict[str, tuple[set[str], list[str]]] = {
    "shares a cart, of which each sold one line": ({SINGLE}, [*SAME_KEY,
        f"update request_lines set order_key = '{SINGLE}', line = 1 where order_key = '{OTHER}'",
        f"update requests set total = '20' where order_key = '{SINGLE}'"]),
    "sells the same cart once more": ({SINGLE}, [*SAME_KEY,
        f"delete from request_lines where order_key = '{OTHER}'",
        *(f"update {table} set product = (select product from request_lines where order_key = '{SINGLE}') "
          f"where commit = {OTHER_COMMIT}" for table in ("line_events", "stock_events", "movement_events"))]),
    "has the same id": ({SINGLE, OTHER}, [
        *(f"update {table} set order_id = '{SINGLE[1:]}' where order_id = '{OTHER[1:]}'"
          for table in ("attempts", "order_events", "line_events", "movement_events"))]),
    "was made again in its commit": ({SINGLE}, [
        "insert into order_events select * replace (0 as delta, seq + 1 as seq) from order_events "
        f"where order_key = '{SINGLE}'"]),
    "was made together with another": ({SINGLE}, [
        "insert into order_events select * replace ('another' as order_id, seq + 1 as seq) from order_events "
        f"where order_key = '{SINGLE}'"]),
    "carries a key that nobody came with": ({"wanted"}, [
        "insert into requests by name "
        "select 'wanted' as order_key, '10' as total, 'valid' as order_class, 1 as started_us",
        f"update order_events set order_key = 'wanted' where order_key = '{LOST}'"]),
    "carries its key": ({SINGLE}, [f"update order_events set order_key = '{SINGLE}' where order_key = '{LOST}'"]),
    "was told its id": ({SINGLE}, [
        f"update attempts set order_id = '{SINGLE[1:]}' where order_key = '{LOST}' and order_id is not null"]),
    "has a line of its": ({SINGLE}, [
        f"update line_events set order_id = '{SINGLE[1:]}' where order_id = '{LOST[1:]}'"]),
    "has a movement of its": ({SINGLE}, [
        f"update movement_events set order_id = '{SINGLE[1:]}' where order_id = '{LOST[1:]}'"]),
    "was made by nobody, for its customer": ({SINGLE}, [
        f"update commits set attempt = null where attempt in (select attempt from attempts where order_key = '{LOST}')",
        f"update order_events set customer = (select customer from requests where order_key = '{SINGLE}') "
        f"where order_key = '{LOST}'",
        f"update order_events set order_key = null where order_key = '{LOST}'"]),
    "has a commit of its attempt": ({SINGLE}, [
        f"update commits set attempt = (select attempt from attempts where order_key = '{SINGLE}') "
        f"where attempt = (select max(attempt) from attempts where order_key = '{LOST}')"]),
    "was made by its attempt": ({SINGLE, OTHER}, [
        f"update commits set attempt = (select attempt from attempts where order_key = '{SINGLE}') "
        f"where commit = {OTHER_COMMIT}"]),
    "is no good order": ({SINGLE}, [f"update requests set order_class = 'zero' where order_key = '{SINGLE}'"]),
    "is cancelled": ({SINGLE}, [f"insert into operations by name select 9000000000000000000 as operation, "
        f"'cancel' as kind, '{SINGLE}' as order_key, 1 as invoked_us, 'unknown' as outcome"]),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMING)
def test_an_order_that_is_named_is_not_set_aside(what: str, made: Path, as_made: set[str]) -> None:
    named, statements = NAMING[what]
    assert LOST in as_made
    assert keys_of_rest(opened_after(made, *statements)) - as_made == named
    compare(lambda: opened_after(made, *statements))


@pytest.fixture(scope="module", params=["ids told", "an id not told"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made run of which nearly every order is plain."""
    folder = tmp_path_factory.mktemp("made")
    write_history(folder, 150)
    write_events(folder)
    write_no_changes(folder)
    if request.param == "an id not told":
        with stored(folder) as connection:
            connection.execute(f"update attempts set order_id = null where order_key = '{UNTOLD}'")
            write_parquet(connection, "from attempts", folder / "attempts.parquet")
    return folder


@pytest.fixture(scope="module")
def as_made(made: Path) -> set[str]:
    """The keys of the rest of the made run."""
    return keys_of_rest(opened_after(made))
