"""Letting known violations pass until an agreed day, in the open."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from doorbuster.judge.judge import conclude
from doorbuster.model.check import CheckResult, CheckStatus, CheckText
from doorbuster.model.project import Waiver
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict


def waived(result: ScenarioResult, waivers: Sequence[Waiver], texts: Mapping[str, CheckText]) -> ScenarioResult:
    """The result with its waived violations as warnings that say why, and the verdict that is left.

    A waiver lets nothing pass that was not exercised or not observed, and no scenario that was broken off.
    """
    checks = tuple(_waived(check, result.name, waivers) for check in result.checks)
    if checks == result.checks:
        return result
    verdict = conclude(checks, result.thresholds, result.faults, texts, result.orders)
    if result.error is not None and verdict is not Verdict.VIOLATION:
        verdict = Verdict.ERROR
    return replace(result, checks=checks, verdict=verdict)


def unneeded(results: Sequence[ScenarioResult], waivers: Sequence[Waiver]) -> list[str]:
    """What to say of waivers that waived nothing, though their scenarios ran."""
    told = []
    for waiver in waivers:
        ran = [r for r in results if waiver.scenario in ("*", r.name)]
        used = any(c.violations and waiver.covers(r.name, c.name) for r in ran for c in r.checks)
        if ran and not used:
            where = "" if waiver.scenario == "*" else f" in {waiver.scenario}"
            told.append(f"the waiver of {waiver.check}{where} was not needed: nothing violated it")
    return told


def _waived(check: CheckResult, scenario: str, waivers: Sequence[Waiver]) -> CheckResult:
    waiver = next((w for w in waivers if w.covers(scenario, check.name)), None)
    if waiver is None or check.status is not CheckStatus.VIOLATED:
        return check
    return replace(check, status=CheckStatus.WARNING, reason=f"waived until {waiver.expires}: {waiver.reason}")
