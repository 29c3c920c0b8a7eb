"""What a kind of driving saw with its own eyes while it drove: joined to the checks of the same name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.scenario import Policy

MOST_ROWS = 10


def with_findings(
    results: Sequence[CheckResult], findings: Sequence[Mapping[str, Any]], policy: Policy
) -> list[CheckResult]:
    """``results`` with the ``findings`` of facts.json, each ``{"check", "problem", "story"}``, as violations.

    A finding is a shortest sequence of orders with the answer to each, so it becomes its check's example.
    """
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for finding in findings:
        by_name.setdefault(str(finding["check"]), []).append(finding)
    known = {result.name for result in results}
    seen = [CheckResult(name, CheckStatus.HOLDS) for name in by_name if name not in known]
    return [_joined(result, by_name.get(result.name, []), policy) for result in (*results, *seen)]


def _joined(result: CheckResult, found: Sequence[Mapping[str, Any]], policy: Policy) -> CheckResult:
    if not found or result.status is CheckStatus.OFF:
        return result
    rows = tuple({"problem": f["problem"], "story": " | ".join(f["story"])} for f in found)
    return replace(
        result,
        status=CheckStatus.WARNING if result.name in policy.warn else CheckStatus.VIOLATED,
        violations=result.violations + len(rows),
        exercised=max(1, result.exercised),
        reason=str(found[0]["problem"]),
        example=rows[0],
        rows=(*rows, *result.rows)[:MOST_ROWS],
    )
