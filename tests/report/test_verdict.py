from collections.abc import Callable
from dataclasses import replace

import pytest
from doorbuster.model.check import CheckStatus, ThresholdResult, ThresholdStatus
from doorbuster.model.result import RunResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.story import failures, faults, gaps, measured, relaxed, unexercised
from doorbuster.report.verdict import headline, sentence

from tests.report import samples


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (samples.passing, "Safe to ship: in 3,000 orders across 2 scenarios every required check was put to the test"),
        (samples.violated, "Do not ship: the checkout sold more than there was and ordered twice for one buyer, in 2"),
        (
            samples.inconclusive,
            "No verdict: nothing wrong was seen, but what had to be tested was not: duplicate_order",
        ),
        (samples.slow, "Correct, but too slow: in slow_network 1 order in 100 took 612.4 ms or more (limit 500 ms)."),
        (samples.crashed, "No verdict: the harness could not do its work, which says nothing about the checkout: Conn"),
        (samples.interrupted, "Interrupted: the run was stopped after 60 orders"),
    ],
)
def test_the_verdict_is_one_sentence_that_a_manager_understands(sample: Callable[[], RunResult], expected: str) -> None:
    assert sentence(sample()).startswith(expected)
    assert "\n" not in sentence(sample())


def test_every_verdict_has_a_sentence_even_where_a_run_gives_no_reason() -> None:
    assert all(sentence(samples.run(verdict)) for verdict in Verdict)


def test_an_interrupted_run_is_not_called_inconclusive() -> None:
    assert headline(samples.interrupted()) == "Interrupted"


def test_a_shops_own_check_is_named() -> None:
    own = samples.check("gift_card", CheckStatus.VIOLATED, violations=1)
    result = samples.run(Verdict.VIOLATION, samples.scenario("s", Verdict.VIOLATION, checks=(own,)))
    assert "broke the shop’s own rule “gift_card”" in sentence(result)


def test_a_violation_speaks_of_no_limits_and_begins_with_the_worst() -> None:
    names = ("throughput", "latency", "deadlock", "turned_away", "movements", "oversold")
    checks = tuple(samples.check(name, CheckStatus.VIOLATED, violations=1) for name in names)
    result = samples.run(Verdict.VIOLATION, samples.scenario("s", Verdict.VIOLATION, checks=checks))
    assert sentence(result) == (
        "Do not ship: the checkout sold more than there was, kept a wrong stock ledger, turned buyers away although "
        "there was stock, and broke 1 more promise, in 1 of 1 scenario."
    )


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("p50 < 20ms", 31.0, "half of the orders took 31 ms or more (limit 20 ms)"),
        ("max < 1s", 2.5, "the slowest order took 2.50 s or more (limit 1,000 ms)"),
        ("error_rate < 0.1% in calm", 0.25, "0.250% of the orders failed (limit 0.100%)"),
        ("throughput > 40/s", 38.0, "only 38 orders a second were answered (limit 40)"),
    ],
)
def test_a_broken_limit_is_told_without_its_expression(expression: str, value: float, expected: str) -> None:
    broken = ThresholdResult(expression, None, value, 900, ThresholdStatus.VIOLATED)
    result = samples.run(Verdict.SLOW, samples.scenario("s", Verdict.SLOW, thresholds=(broken,)))
    assert sentence(result) == f"Correct, but too slow: in s {expected}."


def test_a_threshold_and_the_check_named_after_its_metric_fail_once() -> None:
    broken = ThresholdResult("p99 < 500ms", None, 612.4, 600, ThresholdStatus.VIOLATED)
    checks = (samples.check("latency", CheckStatus.VIOLATED, violations=1),)
    result = samples.run(Verdict.SLOW, samples.scenario("s", Verdict.SLOW, thresholds=(broken,), checks=checks))
    assert [f.sort for f in failures(result, {})] == ["threshold"]


def test_checks_that_no_scenario_exercised_come_first() -> None:
    idle = samples.check("duplicate_order", CheckStatus.UNEXERCISED, 0)
    missed = samples.check("oversold", CheckStatus.UNEXERCISED, 0)
    result = samples.run(
        Verdict.PASS, samples.scenario("a"), samples.scenario("b", checks=(missed, idle)),
        samples.scenario("c", checks=(idle,)),
    )  # fmt: skip
    found = [(u.check, u.scenarios, u.held_in) for u in unexercised(result)]
    assert found == [("duplicate_order", ("b", "c"), 0), ("oversold", ("b",), 1)]


def test_every_failure_ends_with_a_command_that_replays_it() -> None:
    found = failures(samples.violated(), samples.TEXTS)
    assert [f.replay for f in found] == [samples.REPLAY, "doorbuster run retry_storm --seed 7"]
    assert [f.claim for f in found] == [samples.TEXTS["oversold"].means, samples.TEXTS["duplicate_order"].means]


def test_a_fault_without_a_mark_is_a_gap() -> None:
    assert ("timeout", "no mark") in {(gap.subject, gap.status) for gap in gaps(samples.inconclusive())}


def test_required_gaps_come_first_and_others_are_not_lost() -> None:
    assert [gap.required for gap in gaps(samples.passing())] == [False]
    assert [gap.required for gap in gaps(samples.inconclusive())] == [True] * 4


def test_the_pulses_of_a_fault_are_one_story() -> None:
    (story,) = faults(samples.passing())
    assert (story.times, story.started_s, story.ended_s, story.marks) == (15, 20.0, 34.5, sum(range(20, 35)))


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("p99 < 500ms", 612.4, "measured 612.4 ms, over 9 samples"),
        ("error_rate < 0.1% in steady", 0.25, "measured 0.250%, over 9 samples"),
        ("throughput > 40/s", 38.0, "measured 38/s, over 9 samples"),
        ("dropped < 1 in steady", 3.0, "measured 3, over 9 samples"),
        ("p99 < 500ms", None, "nothing measured, over 9 samples"),
    ],
)
def test_a_measurement_has_the_unit_of_its_limit(expression: str, value: float | None, expected: str) -> None:
    phase = "steady" if expression.endswith("steady") else None
    assert measured(ThresholdResult(expression, phase, value, 9, ThresholdStatus.VIOLATED)) == expected


def test_what_the_contract_does_not_map_is_not_exercised_and_nobody_relaxed_it() -> None:
    reason = "the contract maps no [movements]"
    off = samples.check("movements", CheckStatus.OFF, 0, reason=reason, applies=False)
    result = samples.run(Verdict.PASS, samples.scenario("a", checks=(off,)))
    assert [(gap.check, gap.held_in, gap.reason) for gap in unexercised(result)] == [("movements", 0, reason)]
    assert relaxed(result) == ()
    turned_off = samples.run(Verdict.PASS, samples.scenario("a", checks=(replace(off, applies=True),)))
    assert [r.check for r in relaxed(turned_off)] == ["movements"]
