"""JUnit XML: a suite a scenario, a test case a check and a threshold.

A status maps to what a CI shows for it: violated is a *failure*; required but unexercised or unobservable is an
*error*, because the test could not be carried out and the build must not go green; the same without being required
is *skipped* with its reason; off is *skipped*; a warning passes and says what it saw on system-out. Whatever the
model grows, a run without the verdict pass never gives a file without a failure or an error.
"""

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from doorbuster.model.check import CheckResult, CheckStatus, ThresholdResult, ThresholdStatus
from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.files import write_atomically
from doorbuster.report.places import place_of, shown_path
from doorbuster.report.story import Texts, example_of, gaps, measured, replay_command
from doorbuster.report.text import clean, clean_lines, count, row_in_words
from doorbuster.report.verdict import sentence

NAME = "junit.xml"


class JUnit:
    """Writes ``junit.xml`` into the run's folder, and a copy to ``also``."""

    def __init__(self, texts: Texts, also: Path | None = None) -> None:
        self._texts = texts
        self._also = also

    def on(self, event: Event) -> None:
        """Write when the run is over."""
        if isinstance(event, RunFinished):
            text = as_xml(event.result, self._texts)
            for path in filter(None, (event.folder / NAME, self._also)):
                write_atomically(path, text)


def as_xml(result: RunResult, texts: Texts) -> str:
    """The run as a JUnit document."""
    root = Element("testsuites", name="doorbuster", time=f"{result.duration_s:.3f}")
    for scenario in result.scenarios:
        _suite(root, scenario, result, texts)
    _unreached(root, result)
    if result.verdict is not Verdict.PASS and not _shows_trouble(root):
        _run_suite(root, result)
    _count(root)
    for suite in root:
        _count(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _unreached(root: Element, result: RunResult) -> None:
    for name in map(clean, result.not_reached):
        suite = SubElement(root, "testsuite", name=name, timestamp=clean(result.started))
        case = SubElement(suite, "testcase", classname=f"doorbuster.{name}", name="scenario", time="0")
        SubElement(case, "skipped", message="not reached within the budget")


def _suite(root: Element, scenario: ScenarioResult, result: RunResult, texts: Texts) -> None:
    suite = SubElement(root, "testsuite", name=clean(scenario.name), time=f"{scenario.duration_s:.3f}")
    suite.set("timestamp", clean(result.started))
    properties = SubElement(suite, "properties")
    for name in ("kind", "seed", "orders", "attempts", "commits", "verdict"):
        SubElement(properties, "property", name=name, value=clean(str(getattr(scenario, name))))
    for check in scenario.checks:
        case = _case(suite, scenario, check.name)
        if (place := place_of(result, check.name)) and (path := shown_path(place.file)):
            case.set("file", clean(path))
            case.set("line", str(place.line))
        _check_case(case, scenario, check, texts)
    for threshold in scenario.thresholds:
        _threshold_case(_case(suite, scenario, _threshold_name(threshold)), scenario, threshold)
    _scenario_case(suite, scenario, result)


def _case(suite: Element, scenario: ScenarioResult, name: str) -> Element:
    return SubElement(suite, "testcase", classname=f"doorbuster.{clean(scenario.name)}", name=clean(name), time="0")


def _threshold_name(threshold: ThresholdResult) -> str:
    told = threshold.phase is None or threshold.expression.endswith(f" in {threshold.phase}")
    return f"threshold {threshold.expression}" + ("" if told else f" in {threshold.phase}")


def _check_case(case: Element, scenario: ScenarioResult, check: CheckResult, texts: Texts) -> None:
    reason = clean(check.reason or check.status.value)
    match check.status:
        case CheckStatus.HOLDS:
            pass
        case CheckStatus.VIOLATED:
            _trouble(case, "failure", f"{check.name}: {count(check.violations, 'violation')}", check.name,
                     _evidence(scenario, check, texts))  # fmt: skip
        case CheckStatus.WARNING:
            why = f"{check.reason}. " if check.reason else ""
            seen = f"warning: {why}{count(check.violations, 'violation')}. {example_of(check)}"
            SubElement(case, "system-out").text = clean_lines(seen)
        case CheckStatus.OFF:
            SubElement(case, "skipped", message=clean(check.reason or "turned off by the scenario's policy"))
        case CheckStatus.UNEXERCISED | CheckStatus.UNOBSERVABLE if check.required:
            _trouble(case, "error", f"required, but {check.status.value}: {reason}", check.status.value, "")
        case _:
            SubElement(case, "skipped", message=f"{check.status.value}: {reason}")


def _evidence(scenario: ScenarioResult, check: CheckResult, texts: Texts) -> str:
    lines = [f"a row means: {texts[check.name].means}"] if check.name in texts else []
    if example_of(check):
        lines.append(f"example: {example_of(check)}")
    lines += [f"row: {row_in_words(row)}" for row in check.rows]
    return "\n".join([*lines, f"replay: {replay_command(scenario, check.replay)}"])


def _threshold_case(case: Element, scenario: ScenarioResult, threshold: ThresholdResult) -> None:
    said = f"{threshold.expression}: {measured(threshold)}"
    match threshold.status:
        case ThresholdStatus.VIOLATED:
            _trouble(case, "failure", said, "threshold", f"replay: {replay_command(scenario)}")
        case ThresholdStatus.UNEXERCISED:
            _trouble(case, "error", f"too few samples: {said}", "unexercised", "")
        case ThresholdStatus.HOLDS:
            pass


def _scenario_case(suite: Element, scenario: ScenarioResult, result: RunResult) -> None:
    """The scenario itself: carries its error, and any verdict that no other case accounts for."""
    case = _case(suite, scenario, "scenario")
    case.set("time", f"{scenario.duration_s:.3f}")
    if scenario.error:
        _trouble(case, "error", scenario.error.strip().splitlines()[-1], "error", scenario.error)
    elif scenario.verdict is not Verdict.PASS and not _shows_trouble(suite):
        missing = [f"{g.subject}: {g.reason}" for g in gaps(result) if g.scenario == scenario.name]
        _trouble(case, "error", f"the verdict is {scenario.verdict.value}", "verdict", "\n".join(missing))


def _run_suite(root: Element, result: RunResult) -> None:
    suite = SubElement(root, "testsuite", name="run", timestamp=clean(result.started))
    case = SubElement(suite, "testcase", classname="doorbuster", name="run", time="0")
    _trouble(case, "error", sentence(result), result.verdict.value, result.error or "")


def _trouble(case: Element, tag: str, message: str, sort: str, text: str) -> None:
    SubElement(case, tag, message=clean(message), type=clean(sort)).text = clean_lines(text)


def _shows_trouble(element: Element) -> bool:
    # An element without children is false, so truth would not do.
    return element.find(".//failure") is not None or element.find(".//error") is not None


def _count(element: Element) -> None:
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))
