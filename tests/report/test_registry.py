import json
from pathlib import Path

import pytest
from doorbuster.model.check import CheckStatus
from doorbuster.model.story import Story, StoryAttempt
from doorbuster.model.verdict import Verdict
from doorbuster.report.console import ConsoleReport
from doorbuster.report.registry import ReportSettings, all_reports

from tests.report import samples
from tests.report.test_console import events


def test_nothing_but_the_result_is_printed_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = all_reports(ReportSettings(json=Path("-"), environ={"GITHUB_ACTIONS": "true"}))
    for event in events(samples.violated(), tmp_path):
        reports.on(event)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "violation"
    assert "Do not ship" in printed.err
    assert "::error" in printed.err


def test_verbose_leaves_nothing_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attempts = tuple(StoryAttempt(n, "a", n, "unknown", float(n), n + 1.0, "", False, ()) for n in range(1, 30))
    broken = samples.check("oversold", CheckStatus.VIOLATED, violations=1, story=Story("now", attempts))
    idle = samples.check("duplicate_order", CheckStatus.UNEXERCISED, 0, reason="nobody retried")
    result = samples.run(
        Verdict.VIOLATION, samples.scenario("s", Verdict.VIOLATION, checks=(broken, idle))
    )
    told = {}
    for verbose in (False, True):
        ConsoleReport({}, {"COLUMNS": "120"}, verbose=verbose).on(events(result, tmp_path)[-1])
        told[verbose] = capsys.readouterr().out
    assert [text.count(": unknown") for text in told.values()] == [8, 29]
    assert ["nobody retried" in text for text in told.values()] == [False, True]
