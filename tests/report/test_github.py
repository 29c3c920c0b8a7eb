import io
from pathlib import Path

from doorbuster.model.check import CheckStatus
from doorbuster.model.events import RunFinished
from doorbuster.model.verdict import Verdict
from doorbuster.report.github import MAX_ANNOTATIONS, GitHub, annotations, escaped, summary

from tests.report import samples


def test_nothing_is_said_outside_of_github(tmp_path: Path) -> None:
    out = io.StringIO()
    GitHub({}, {}, out).on(RunFinished(tmp_path, samples.violated()))
    assert out.getvalue() == ""


def test_the_summary_is_appended_to_what_earlier_steps_wrote(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    GitHub(samples.TEXTS, {"GITHUB_STEP_SUMMARY": str(file)}).on(RunFinished(tmp_path, samples.violated()))
    assert file.read_text().startswith("before\n## ✗ Doorbuster: Violation\n")


def test_annotations_are_one_line_each_and_name_the_check_and_the_scenario(tmp_path: Path) -> None:
    out = io.StringIO()
    GitHub(samples.TEXTS, {"GITHUB_ACTIONS": "true"}, out).on(RunFinished(tmp_path, samples.violated()))
    first, second = out.getvalue().splitlines()
    assert first.startswith("::error title=oversold in last_item::31 violations%0A")
    assert second.startswith("::error title=duplicate_order in retry_storm::1 violation%0A")


def test_a_required_gap_is_annotated_and_a_passing_run_is_not() -> None:
    assert len(annotations(samples.inconclusive(), {})) == 4
    assert annotations(samples.passing(), {}) == []


def test_at_most_ten_annotations_and_the_last_says_how_many_are_left() -> None:
    checks = tuple(samples.check(f"c{n}", CheckStatus.VIOLATED, violations=1) for n in range(25))
    lines = annotations(samples.run(Verdict.VIOLATION, samples.scenario("s", checks=checks)), {})
    assert len(lines) == MAX_ANNOTATIONS
    assert lines[-1] == "::error title=doorbuster::16 more; see the step summary"


def test_hostile_text_cannot_start_a_command_of_its_own() -> None:
    for line in annotations(samples.hostile(), samples.TEXTS):
        assert line.startswith("::error title=")
        assert "\n" not in line
        title = line.removeprefix("::error title=").split("::")[0]
        assert ":" not in title
        assert "," not in title


def test_a_percent_sign_survives_the_runner() -> None:
    own = samples.check("c", CheckStatus.VIOLATED, violations=1, example={"share": "50%0A"})
    (line,) = annotations(samples.run(Verdict.VIOLATION, samples.scenario("s", checks=(own,))), {})
    assert "share 50%250A" in line


def test_hostile_text_is_neither_markdown_nor_html() -> None:
    assert escaped("a|b `c` <d> [e](f) *g* _h_ @i") == (
        "a&#124;b &#96;c&#96; &#60;d&#62; &#91;e&#93;&#40;f&#41; &#42;g&#42; &#95;h&#95; &#64;i"
    )
    text = summary(samples.hostile(), samples.TEXTS)
    assert "<script" not in text
    assert "<img" not in text


def test_a_huge_summary_is_cut_below_what_github_refuses() -> None:
    many = tuple(samples.scenario(f"scenario {n}") for n in range(20_000))
    text = summary(samples.run(Verdict.PASS, *many), {})
    assert len(text.encode()) < 1024 * 1024
    assert text.endswith("The rest is in report.html.\n")
