import io
from pathlib import Path
from typing import cast

import pytest
from doorbuster.model.events import Event, Listener, Notice, RunFinished
from doorbuster.report.fan_out import FanOut
from doorbuster.report.registry import REPORTS, ReportSettings, all_reports

from tests.report import samples


class Broken:
    """Fails at every event."""

    def on(self, event: Event) -> None:
        raise RuntimeError("out of ink")


class Keeping:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on(self, event: Event) -> None:
        self.events.append(event)


def test_a_broken_listener_does_not_silence_the_others_and_is_told_once() -> None:
    keeping, stderr = Keeping(), io.StringIO()
    fan_out = FanOut([Broken(), keeping], stderr)
    for text in ("one", "two"):
        fan_out.on(Notice(text))
    assert keeping.events == [Notice("one"), Notice("two")]
    assert stderr.getvalue().count("doorbuster: Broken failed at Notice") == 1
    assert "out of ink" in stderr.getvalue()
    assert [(f.listener, f.event) for f in fan_out.failures] == [("Broken", "Notice")] * 2


def test_what_is_no_listener_is_refused_at_once_with_the_signature_expected() -> None:
    with pytest.raises(TypeError, match=r"on\(event: doorbuster.model.events.Event\)"):
        FanOut([cast(Listener, object())])


def test_every_registered_report_takes_every_sample(tmp_path: Path) -> None:
    for name, sample in samples.ALL.items():
        out = io.StringIO()
        reports = all_reports(ReportSettings(texts=samples.TEXTS, stdout=out, environ={}))
        reports.on(RunFinished(tmp_path / name, sample()))
        assert reports.failures == []
        assert {p.name for p in (tmp_path / name).iterdir()} == {"result.json", "junit.xml", "report.html"}
        assert "report.html: " in out.getvalue(), "the console comes last"


def test_the_console_comes_last_because_it_names_the_files_that_exist() -> None:
    assert list(REPORTS)[-1] == "console"
