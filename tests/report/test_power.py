"""A measurement of power as its readers see it."""

import json
from io import StringIO
from pathlib import Path

from doorbuster.model.power import Cell, Fate, PowerResult, Trial
from doorbuster.report.power_console import cell_text, evidence, figures, matrix, trial_line
from doorbuster.report.power_files import as_html, write_power
from rich.console import Console

CAUGHT = Trial(
    "no_lock", "broken", "read committed", 7, Fate.CONVICTED, "Reads without a lock.", ("oversold",), ("oversold",),
    "last_item", 1.5, 168, 4,
    (Cell("stateful", "pass", (), 1.0, 100), Cell("last_item", "violation", ("oversold",), 0.5, 68)),
)  # fmt: skip
MISSED = Trial(
    "m001_drop_lock", "mutant", "serializable", 7, Fate.SURVIVED, "drop lock: for update →", seconds=2.0, attempts=10,
    cells=(Cell("stateful", "pass", (), 1.0, 100),), operator="drop lock", diff="-for update <b>\n+",
)  # fmt: skip
ALARM = Trial("row_lock", "correct", "read committed", 8, Fate.FALSE_ALARM, "A lock.", (), ("oversold",), "stateful")
RESULT = PowerResult(
    7, 1, "doorbuster power", "2030-01-01T00:00:00", 9.0, "the library", ("stateful", "last_item", "typical_order"),
    (CAUGHT, MISSED, ALARM),
)  # fmt: skip


def test_the_json_says_all_and_the_figures() -> None:
    content = RESULT.as_dict()
    assert content["schema"] == "doorbuster.power/1"
    assert content["figures"]["kill_rate"] == {"hits": 1, "total": 2, "low": content["figures"]["kill_rate"]["low"],
                                               "high": content["figures"]["kill_rate"]["high"]}  # fmt: skip
    assert content["figures"]["false_alarm_rate"]["hits"] == 1
    assert json.loads(json.dumps(content))["trials"][1]["diff"] == MISSED.diff


def test_both_files_are_written(tmp_path: Path) -> None:
    write_power(tmp_path, RESULT)
    assert json.loads((tmp_path / "power.json").read_text())["figures"]["exit_code"] == 1
    assert "no_lock" in (tmp_path / "power.html").read_text()


def test_the_page_shows_survivors_with_their_diff_and_trusts_no_text() -> None:
    html = as_html(RESULT)
    assert "-for update &lt;b&gt;" in html
    assert "<b>survived</b>" in html
    assert "typical order" not in html  # it was not run by anybody


def test_a_line_says_what_convicted_where_and_after_how_much() -> None:
    who, _, what = trial_line(CAUGHT).plain.partition(": ")
    assert who == "✓ convicted broken no_lock, seed 7"
    assert what == "by oversold in last_item, after 1.5 s, 168 attempts, 4 schedules"
    assert "at serializable" in trial_line(MISSED).plain
    assert trial_line(ALARM).plain.startswith("✗ false alarm")


def test_the_matrix_has_a_sign_a_scenario() -> None:
    console = Console(width=160, record=True, file=StringIO())
    console.print(matrix(RESULT))
    rows = console.export_text().splitlines()
    assert any("no_lock" in row and "✓✗" in row for row in rows)
    assert any("m001_drop_lock (serializable)" in row and "✓·" in row for row in rows)


def test_of_several_runs_a_cell_says_how_many_convicted() -> None:
    passed = Cell("last_item", "pass", (), 1, 1)
    again = Trial("no_lock", "broken", "read committed", 8, Fate.SURVIVED, "", cells=(passed,))
    assert cell_text([CAUGHT, again], "last_item") == "✗ 1/2"
    assert cell_text([CAUGHT], "typical_order") == "·"


def test_figures_and_evidence_say_what_a_reader_needs() -> None:
    told = "\n".join(figures(RESULT))
    assert "convicted: 1 of 2 (50.0%" in told
    assert "false alarms: 1 of 1" in told
    assert "mutants left out: none" in told
    assert MISSED.diff in evidence(MISSED)
