import json
from dataclasses import replace
from pathlib import Path

from doorbuster.model.events import RunFinished
from doorbuster.model.result import RunResult
from doorbuster.report.index import IndexReport, as_index
from doorbuster.report.result_json import ResultJson

from tests.report import samples


def finish(result: RunResult, folder: Path) -> None:
    """A run that leaves its result in ``folder`` and its line in the index beside it."""
    for report in (ResultJson(), IndexReport()):
        report.on(RunFinished(folder, result))


def test_runs_are_listed_the_newest_first_with_verdict_and_what_was_violated(tmp_path: Path) -> None:
    finish(samples.passing(), tmp_path / "20260101-000000-shop")
    finish(samples.violated(), tmp_path / "20260102-000000-shop")
    page = (tmp_path / "index.html").read_text()
    assert page.index("20260102-000000-shop/report.html") < page.index("20260101-000000-shop/report.html")
    assert "oversold, duplicate_order" in page
    assert "create_order_with_inventory: latency over 2 runs" in page
    assert "last 84.2 ms" in page


def test_hostile_text_damaged_results_and_other_folders_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text('{"schema": "doorbuster.result/1"}')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "result.json").write_text(json.dumps([1, 2]))
    finish(samples.hostile(), tmp_path / "<script>run")
    page = (tmp_path / "index.html").read_text()
    assert "<script" not in page
    assert "1 run, the newest first" in page
    assert "'unsafe-inline'" not in page


def test_somebody_elses_index_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>My site</title>")
    finish(samples.passing(), tmp_path / "run")
    assert (tmp_path / "index.html").read_text() == "<title>My site</title>"


def test_an_interrupted_run_is_called_so(tmp_path: Path) -> None:
    ResultJson().on(RunFinished(tmp_path / "run", replace(samples.interrupted(), started="2026-03-01T12:00:00")))
    assert "interrupted" in as_index(tmp_path)
