import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from doorbuster.model.events import (
    Event,
    Judging,
    Notice,
    Preparing,
    Progress,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
)
from doorbuster.model.result import RunResult
from doorbuster.report.console import ConsoleReport

from tests.report import samples


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def events(result: RunResult, folder: Path) -> list[Event]:
    """A run's events as the engine would send them."""
    told: list[Event] = [RunStarted(folder, "shop", tuple(s.name for s in result.scenarios), 7), Preparing("template")]
    for scenario in result.scenarios:
        told += [
            ScenarioStarted(scenario.name, scenario.kind, scenario.description),
            Progress(scenario.name, 30, 60, {"ok": 30}, "timeout"),
            Judging(scenario.name),
            Notice("a clock stepped"),
            ScenarioFinished(scenario),
        ]
    return [*told, RunFinished(folder, result)]


def said(
    result: RunResult, folder: Path, stream: io.StringIO | None = None, *, quiet: bool = False, **environ: str
) -> str:
    """What the console says to a whole run."""
    stream = stream or io.StringIO()
    variables: Mapping[str, str] = {"TERM": "xterm-256color", "COLUMNS": "120", **environ}
    report = ConsoleReport(samples.TEXTS, variables, quiet, stream)
    for event in events(result, folder):
        report.on(event)
    return stream.getvalue()


def test_a_log_gets_a_line_when_a_scenario_starts_and_one_when_it_ends(tmp_path: Path) -> None:
    lines = said(samples.violated(), tmp_path).splitlines()
    assert sum(line.startswith("> last_item (interleave): ") for line in lines) == 1
    assert sum(line.startswith("✗ violation last_item: 60 orders in 12.4 s") for line in lines) == 1


def test_a_log_has_no_control_sequences(tmp_path: Path) -> None:
    assert "\x1b" not in said(samples.hostile(), tmp_path)


def test_a_terminal_gets_bars_with_outcomes_and_the_active_fault(tmp_path: Path) -> None:
    output = said(samples.passing(), tmp_path, Terminal())
    assert "\x1b[?25l" in output
    assert "\x1b[?25h" in output, "the cursor comes back"


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_a_ci_and_a_dumb_terminal_get_no_bars(tmp_path: Path, name: str, value: str) -> None:
    assert "\x1b[?25l" not in said(samples.passing(), tmp_path, Terminal(), quiet=False, **{name: value})


def test_no_color_is_honoured(tmp_path: Path) -> None:
    assert "\x1b[1;3" in said(samples.violated(), tmp_path, Terminal(), CI="1")
    assert "\x1b[1;3" not in said(samples.violated(), tmp_path, Terminal(), CI="1", NO_COLOR="1")


def test_quiet_prints_only_the_verdict(tmp_path: Path) -> None:
    output = said(samples.violated(), tmp_path, quiet=True)
    assert output.count("\n") == 1
    assert output.startswith("✗ Do not ship")


def test_a_failure_is_told_as_a_story_that_ends_with_its_replay(tmp_path: Path) -> None:
    output = said(samples.violated(), tmp_path)
    story = [
        "✗ oversold in last_item: 31 rows",
        f"    a row means: {samples.TEXTS['oversold'].means}",
        "    for example: product 1, sold 2, of 1, at 2026-03-01 12:00:00+00:00",
        f"    replay: {samples.REPLAY}",
    ]
    lines = [line.rstrip() for line in output.splitlines()]
    start = lines.index(story[0])
    assert lines[start : start + 4] == story


def test_the_last_line_is_the_verdict_and_only_files_that_exist_are_named(tmp_path: Path) -> None:
    (tmp_path / "result.json").touch()
    lines = said(samples.slow(), tmp_path).splitlines()
    assert lines[-1].startswith("▲ Correct, but too slow")
    assert lines[-2] == f"result.json: {tmp_path / 'result.json'}"
    assert not any(line.startswith("report.html:") for line in lines)


def test_foreign_text_is_no_markup(tmp_path: Path) -> None:
    assert "[red]bold[/red]" in said(samples.hostile(), tmp_path, Terminal(), CI="1", NO_COLOR="1")


def test_foreign_text_is_no_workflow_command(tmp_path: Path) -> None:
    assert "::error" in said(samples.hostile(), tmp_path)
    assert "::" not in said(samples.hostile(), tmp_path, GITHUB_ACTIONS="true")


def test_the_summary_of_a_violated_run_fits_a_screen(tmp_path: Path) -> None:
    output = said(samples.violated(), tmp_path)
    assert len(output[output.index("\n scenario ") :].splitlines()) <= 24


def test_a_stream_that_knows_no_unicode_still_gets_the_verdict(tmp_path: Path) -> None:
    raw = io.BytesIO()
    report = ConsoleReport({}, {}, stdout=io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    report.on(RunFinished(tmp_path, samples.passing()))
    assert b"Safe to ship" in raw.getvalue()
