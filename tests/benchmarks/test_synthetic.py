"""The made runs that the judge is measured on: good ones, which put the checks to the test."""

from pathlib import Path
from typing import Any

import pytest
from doorbuster.config.toml_file import validated
from doorbuster.judge import views
from doorbuster.judge.checks import standard_checks
from doorbuster.judge.judge import judge_scenario
from doorbuster.judge.views import EVENTS, create_views, open_run, opened_run
from doorbuster.model.check import CheckStatus
from doorbuster.model.scenario import Scenario
from doorbuster.record.catalogue import load_catalogue
from doorbuster.record.seal import quoted

from benchmarks.judge import contract, judged
from benchmarks.synthetic import write_changes, write_events, write_history

ATTEMPTS = 4000
SCENARIO = validated(Scenario, {"name": "made", "kind": "load", "description": "."}, Path("made.toml"))
# What the log and the buyers alone can put to the test; the rest needs bad orders, sessions, probes or thresholds.
EXERCISED = {
    "conservation", "deadlock", "duplicate_order", "false_sold_out", "ghost_order", "lost_order", "movements",
    "oversold", "partial_order", "stale_commit", "turned_away", "wrong_amount",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "run"
    write_history(folder, ATTEMPTS)
    write_changes(folder)
    write_events(folder)
    return folder


def test_every_check_that_the_run_can_put_to_the_test_holds(made: Path) -> None:
    result = judge_scenario(made, contract(), SCENARIO, standard_checks(), {})
    statuses = {check.name: check.status for check in result.checks}
    assert {name for name, status in statuses.items() if status is CheckStatus.HOLDS} == EXERCISED
    assert not [check.name for check in result.checks if check.violations]
    assert result.attempts > 0.95 * ATTEMPTS
    assert result.unknown_committed > 0


@pytest.mark.parametrize("resident_rows", [10**6, 100], ids=["in memory", "on disk"])
def test_the_events_of_the_log_are_those_that_were_written_at_once(
    made: Path, monkeypatch: pytest.MonkeyPatch, resident_rows: int
) -> None:
    monkeypatch.setattr(views, "_RESIDENT_ROWS", resident_rows)
    with opened_run(made) as connection:
        create_views(connection, contract(), load_catalogue(made / "catalogue.json"))
        for table, columns in EVENTS.items():
            names = ", ".join(name for name in columns if name not in ("seq", "entry"))
            written = f"select {names} from read_parquet({quoted(made / 'events' / f'{table}.parquet')})"
            read = f"select {names} from {table}"
            described = connection.execute(f"describe {table}").fetchall()
            # A 128-bit number would be stored as a rounded one.
            assert not {"HUGEINT", "DOUBLE"} & {kind for _, kind, *_ in described}, table
            for one, other in ((written, read), (read, written)):
                assert connection.execute(f"{one} except all {other}").fetchall() == [], table


def test_a_long_log_is_kept_on_disk_while_it_is_judged(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[str]()

    def seen(*arguments: Any) -> None:
        keep(*arguments)
        kept.extend(path.name for path in (made / "spill").iterdir() if path.suffix == ".parquet")

    keep = views._keep_on_disk
    short = judge_scenario(made, contract(), SCENARIO, standard_checks(), {})
    monkeypatch.setattr(views, "_RESIDENT_ROWS", 100)
    monkeypatch.setattr(views, "_keep_on_disk", seen)
    assert judge_scenario(made, contract(), SCENARIO, standard_checks(), {}) == short
    assert set(kept) == {f"{table}.parquet" for table in EVENTS if table != "consumption"}
    assert not (made / "spill").exists()


def test_the_judge_says_the_same_of_the_events_as_of_the_log(made: Path) -> None:
    with open_run(made) as connection:
        results = judged(connection, made / "events")
    assert {r.name for r in results if r.status is CheckStatus.HOLDS} == EXERCISED
