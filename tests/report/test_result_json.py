import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from doorbuster.model.events import RunFinished
from doorbuster.model.outcome import Outcome
from doorbuster.model.result import RunResult
from doorbuster.report.result_json import ResultJson, as_json, load, plain

from tests.report import samples


@pytest.mark.parametrize("sample", list(samples.ALL.values()), ids=list(samples.ALL))
def test_every_run_gives_valid_json_that_reads_back(sample: Callable[[], RunResult], tmp_path: Path) -> None:
    ResultJson().on(RunFinished(tmp_path, sample()))
    again = load(tmp_path / "result.json")
    assert as_json(again) == as_json(sample())
    assert (again.verdict, again.exit_code) == (sample().verdict, sample().exit_code)


def test_the_schema_comes_first() -> None:
    assert next(iter(json.loads(as_json(samples.passing())).items())) == ("schema", "doorbuster.result/1")


def test_database_values_become_json_without_loss() -> None:
    assert plain(
        {
            "decimal": Decimal("12.50"), "at": datetime(2026, 3, 1, tzinfo=UTC), "day": date(2026, 3, 1),
            "id": UUID(int=7), "raw": b"\x01\xff", "nan": float("nan"),
            "far": float("-inf"), "wait": timedelta(seconds=1), 7: {1},
            "outcome": Outcome.OK, "yes": True, "lone": "\ud800", "path": Path("a"), "tuple": (1, None),
        }
    ) == {
        "decimal": "12.50", "at": "2026-03-01T00:00:00+00:00", "day": "2026-03-01",
        "id": "00000000-0000-0000-0000-000000000007", "raw": "\\x01ff", "nan": "NaN", "far": "-Infinity",
        "wait": "0:00:01", "7": [1], "outcome": "ok", "yes": True, "lone": "?", "path": "a", "tuple": [1, None],
    }  # fmt: skip


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result.json").write_text("old")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        ResultJson().on(RunFinished(tmp_path, samples.passing()))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "old"


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": "doorbuster.result/2"}')
    with pytest.raises(ValueError, match=r"no doorbuster\.result/1"):
        load(tmp_path / "result.json")
