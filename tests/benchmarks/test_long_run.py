"""Memory of long runs, and very many attempts; in small, and in full where DOORBUSTER_LONG_RUN=1 asks for it."""

import os
from pathlib import Path

import pytest

from benchmarks.long_run import ATTEMPTS, HOUR, LIMIT_MB, apart, hour, many

IN_FULL = os.environ.get("DOORBUSTER_LONG_RUN") == "1"
full_size = pytest.mark.skipif(not IN_FULL, reason="a quarter of an hour and 15 GB: DOORBUSTER_LONG_RUN=1")


def test_four_times_the_orders_do_not_take_more_memory(tmp_path: Path) -> None:
    for name in ("few", "many"):
        (tmp_path / name).mkdir()
    few, more = apart(hour, tmp_path / "few", 20_000), apart(hour, tmp_path / "many", 80_000)
    assert more < LIMIT_MB
    assert more - few < 15
    small, large = ((tmp_path / name / "attempts.0.csv").stat().st_size for name in ("few", "many"))
    assert large > 3 * small


def test_made_up_attempts_are_recorded_judged_and_reported(tmp_path: Path) -> None:
    told = apart(many, tmp_path, 20_000)
    assert told["attempts"] == pytest.approx(20_000, rel=0.01)


@full_size
def test_an_hour_at_two_thousand_orders_a_second_keeps_its_memory(tmp_path: Path) -> None:
    assert apart(hour, tmp_path, HOUR) < LIMIT_MB


@full_size
def test_ten_million_attempts_are_recorded_judged_and_reported(tmp_path: Path) -> None:
    assert apart(many, tmp_path, ATTEMPTS)["attempts"] == pytest.approx(ATTEMPTS, rel=0.01)
