from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from doorbuster.model.events import RunFinished
from doorbuster.model.result import RunResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.junit import JUnit, as_xml
from doorbuster.report.text import clean

from tests.report import samples


def cases(result: RunResult) -> dict[str, ElementTree.Element]:
    """The test cases by ``scenario/check``."""
    root = ElementTree.fromstring(as_xml(result, samples.TEXTS))
    return {f"{case.get('classname')}/{case.get('name')}": case for case in root.iter("testcase")}


def state(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def test_each_status_is_shown_as_what_it_means_to_a_ci() -> None:
    passing, broken = cases(samples.passing()), cases(samples.inconclusive())
    assert {name.split("/")[1]: state(case) for name, case in passing.items() if "connection_lost" in name} == {
        "oversold": "passed",
        "duplicate_order": "passed",
        "bad_order_accepted": "skipped",
        "deadlock": "passed",
        "wrong_amount": "skipped",
        "threshold p99 < 500ms in steady": "passed",
        "scenario": "passed",
    }
    assert state(broken["doorbuster.network_timeout/duplicate_order"]) == "error"
    assert state(broken["doorbuster.network_timeout/oversold"]) == "error"
    assert state(broken["doorbuster.network_timeout/threshold p99 < 500ms"]) == "error"


def test_a_violation_is_a_failure_with_its_example_and_its_replay() -> None:
    failure = cases(samples.violated())["doorbuster.last_item/oversold"].find("failure")
    assert failure is not None
    assert failure.get("message") == "oversold: 31 violations"
    assert "product 1, sold 2, of 1" in (failure.text or "")
    assert f"replay: {samples.REPLAY}" in (failure.text or "")


def test_a_warning_says_what_it_saw_on_system_out() -> None:
    assert "victim 17" in (cases(samples.passing())["doorbuster.connection_lost/deadlock"].findtext("system-out") or "")


@pytest.mark.parametrize("sample", list(samples.ALL.values()), ids=list(samples.ALL))
def test_a_file_is_green_exactly_when_the_run_passed(sample: Callable[[], RunResult]) -> None:
    root = ElementTree.fromstring(as_xml(sample(), samples.TEXTS))
    trouble = int(root.get("failures", "0")) + int(root.get("errors", "0"))
    assert (trouble == 0) is (sample().verdict is Verdict.PASS)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASS])
def test_a_run_whose_reason_no_case_shows_is_not_green(verdict: Verdict) -> None:
    for result in (samples.run(verdict), samples.run(verdict, samples.scenario("s", verdict))):
        assert as_xml(result, {}).count("<error") == 1


def test_control_characters_do_not_make_the_file_invalid() -> None:
    text = as_xml(samples.hostile(), samples.TEXTS)
    assert "\x00" not in text
    (suite,) = ElementTree.fromstring(text)
    assert suite.get("name") == clean(samples.HOSTILE)


def test_counts_are_those_of_the_cases() -> None:
    root = ElementTree.fromstring(as_xml(samples.violated(), {}))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("9", "2", "0")


def test_a_copy_is_written_where_the_user_wants_it(tmp_path: Path) -> None:
    JUnit({}, tmp_path / "deep" / "copy.xml").on(RunFinished(tmp_path, samples.passing()))
    assert (tmp_path / "junit.xml").read_bytes() == (tmp_path / "deep" / "copy.xml").read_bytes()
