"""DuckDB as the harness uses it."""

from pathlib import Path

import doorbuster
from doorbuster.record.database import database

ROOT = Path(doorbuster.__file__).parent
DRAWS = "select current_setting('enable_progress_bar')"


def test_nobody_draws_on_stdout_how_far_a_statement_is() -> None:
    with database() as connection, connection.cursor() as cursor:
        assert [one.execute(DRAWS).fetchone() for one in (connection, cursor)] == [(False,), (False,)]


def test_there_is_no_other_way_to_one() -> None:
    own = ROOT / "record" / "database.py"
    assert [p for p in ROOT.rglob("*.py") if p != own and "duckdb.connect(" in p.read_text()] == []


def test_what_goes_beyond_the_limit_goes_into_the_folder(tmp_path: Path) -> None:
    with database("64MB", tmp_path / "spill") as connection:
        connection.execute("create table numbers as select i, hash(i) as h, hash(h) as k from range(10000000) t(i)")
        spilt = [path.stat().st_size for path in (tmp_path / "spill").iterdir()]
        assert sum(spilt) > 64_000_000
    assert not (tmp_path / "spill").exists()
