"""Judging while it goes on: never against the final judge, whatever the stretches, and not blind where that sees."""

import random
from pathlib import Path

import duckdb
import pytest
from doorbuster.judge.live import LiveJudge
from doorbuster.judge.views import create_views, open_run
from doorbuster.model.live import LiveState
from doorbuster.record.seal import quoted

from tests.judge.golden import read_golden
from tests.judge.histories import TABLES_OF_SHOP, History, Rules, contract_of, judged, violated

ROOT = Path(__file__).parents[1] / "golden"
LIVE = {"oversold", "conservation", "duplicate_order"}
FILES = sorted(path for name in LIVE for path in ROOT.glob(f"*/{name}/*.toml"))


def watched(history: History, folder: Path, lengths: list[int]) -> LiveState:
    """What the live judge says of ``history``, cut into stretches of so many commits, again and again."""
    history.store(folder / "whole")
    operates = bool(history.tables["operations"])
    judge = LiveJudge(contract_of(history.rules), TABLES_OF_SHOP, folder, operates=operates)
    state, done, stretch = LiveState(), 0, 0
    try:
        with duckdb.connect() as connection:
            for table in ("commits", "changes"):
                connection.execute(f"create table {table} as from {quoted(folder / f'whole/{table}.parquet')}")
            rows = connection.execute("select commit, lsn from commits order by commit").fetchall()
            read_before = "0/0"
            while done < len(rows):
                part = rows[done : done + lengths[stretch % len(lengths)]]
                # A stretch counts its commits from 1, and may begin with what was sent before.
                first = max(1, part[0][0] - stretch % 2)
                for table in ("commits", "changes"):
                    connection.execute(
                        f"copy (select * replace (commit - {first - 1} as commit) from {table} "
                        f"where commit between {first} and {part[-1][0]}) to {quoted(folder / f'{table}.parquet')}"
                    )
                state = judge.take(folder, read_before)
                done, stretch, read_before = done + len(part), stretch + 1, part[-1][1]
    finally:
        judge.close()
    return state


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(p.with_suffix("").parts[-3:]))
def test_nothing_is_said_that_the_end_does_not_say(path: Path, tmp_path: Path) -> None:
    history = read_golden(path).history
    (tmp_path / "whole").mkdir()
    lengths = random.Random(path.stem).choices([2, 3, 5, 50], k=3)
    seen = set(watched(history, tmp_path, lengths).violations)
    final = violated(judged(history, tmp_path / "whole")) & LIVE
    assert seen <= final


@pytest.mark.parametrize("name", ["oversold/last_unit", "conservation/every_commit", "duplicate_order/retry",
                                  "oversold/absolute_write"])  # fmt: skip
def test_what_commits_show_is_seen_at_the_commit_that_shows_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    history = read_golden(ROOT / "bad" / f"{name}.toml").history
    for lengths in ([2], [1000]):
        state = watched(history, tmp_path, lengths)
        assert name.split("/")[0] in state.violations
        assert state.first is not None
        assert state.first.lsn.startswith("0/")


def test_units_and_stock_are_those_of_the_whole_log(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    history = read_golden(ROOT / "good/oversold/last_unit.toml").history
    state = watched(history, tmp_path, [2])
    with open_run(tmp_path / "whole") as connection:
        create_views(connection, contract_of(history.rules), TABLES_OF_SHOP)
        (sold,), = connection.execute("select coalesce(sum(delta), 0) from sold").fetchall()
        (stock,), = connection.execute("select sum(stock) from ledger").fetchall()
    assert (state.units_sold, state.stock) == (sold, stock)


@pytest.mark.parametrize(("rules", "left"), [
    (Rules(steps=2), ("conservation",)), (Rules(eventual=True), ("conservation",)), (Rules(), ()),
])  # fmt: skip
def test_what_the_whole_log_decides_is_left_to_the_end(rules: Rules, left: tuple[str, ...], tmp_path: Path) -> None:
    judge = LiveJudge(contract_of(rules), TABLES_OF_SHOP, tmp_path)
    assert judge._state.left_to_the_end == left
    judge.close()
