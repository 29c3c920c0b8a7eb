"""Checks: SQL files of two queries, one whose rows are the violations and one that counts what exercised it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from doorbuster.host.resources import resource
from doorbuster.model.check import CheckResult, CheckStatus, CheckText
from doorbuster.model.scenario import Policy

MOST_ROWS = 10


class BadCheck(Exception):
    """A check file that does not have the form, or whose query fails; names the file."""


def standard_checks() -> dict[str, CheckText]:
    """The checks that come with the harness, by name, in alphabetical order."""
    return {check.name: check for check in map(read_check, sorted(resource("sql/checks").glob("*.sql")))}


def read_check(path: Path) -> CheckText:
    """The check in the file ``path``.

    Raises:
        BadCheck: a part of the header or one of the two queries is missing.
    """
    return parse_check(path.read_text(encoding="utf-8"), str(path))


def parse_check(text: str, place: str) -> CheckText:
    """The check whose file's text is ``text``; ``place`` names it in errors."""
    parts = re.split(r"(?m)^-- (violations|exercised)[ \t]*$", text)
    if parts[1::2] != ["violations", "exercised"]:
        raise BadCheck(f"{place}: needs a line '-- violations' with a query, then '-- exercised' with another")
    header = _header(parts[0])
    missing = [key for key in ("check", "means", "sound", "exercised by") if key not in header]
    if missing:
        raise BadCheck(f"{place}: the header lacks {', '.join(f'-- {key}:' for key in missing)}")
    return CheckText(
        name=header["check"],
        means=header["means"],
        sound=header["sound"],
        exercised_by=header["exercised by"],
        violations=parts[2].strip().rstrip(";"),
        exercised=parts[4].strip().rstrip(";"),
        needs=tuple(header.get("needs", "").split()),
        is_threshold=header.get("kind") == "threshold",
    )


def _header(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"-- ([a-z ]+): (.*)", line):
            key = match[1]
            found[key] = match[2].strip()
        elif key and line.startswith("--   "):
            found[key] += " " + line[5:].strip()
    return found


def run_checks(
    connection: duckdb.DuckDBPyConnection, checks: Iterable[CheckText], policy: Policy, has: Mapping[str, bool]
) -> list[CheckResult]:
    """Run ``checks`` over the canonical tables; ``has`` says which optional mappings the contract has."""
    return [_with_policy(_run(connection, check, has), policy) for check in checks]


def unobservable(checks: Iterable[CheckText], policy: Policy, reason: str) -> list[CheckResult]:
    """The results where the log could not be read: nothing is known, and nothing passes."""
    status = CheckStatus.UNOBSERVABLE
    return [_with_policy(CheckResult(check.name, status, reason=reason), policy) for check in checks]


def _run(connection: duckdb.DuckDBPyConnection, check: CheckText, has: Mapping[str, bool]) -> CheckResult:
    for need in check.needs:
        if not has.get(need, False):
            return CheckResult(check.name, CheckStatus.OFF, reason=f"the contract maps no [{need}]")
    try:
        found = connection.execute(f"select count(*) over () as _violations, * from ({check.violations})")
        names = [column[0] for column in found.description or ()][1:]
        rows = found.fetchmany(MOST_ROWS)
        exercised_row = connection.execute(check.exercised).fetchone()
    except duckdb.Error as problem:
        raise BadCheck(f"check {check.name}: {problem}") from problem
    exercised = int(exercised_row[0]) if exercised_row else 0
    dicts = tuple(dict(zip(names, row[1:], strict=True)) for row in rows)
    if dicts:
        count = int(rows[0][0])
        status, reason = CheckStatus.VIOLATED, check.means
        return CheckResult(check.name, status, count, exercised, reason, example=dicts[0], rows=dicts)
    if exercised == 0:
        return CheckResult(check.name, CheckStatus.UNEXERCISED, reason=f"nothing exercised it: {check.exercised_by}")
    return CheckResult(check.name, CheckStatus.HOLDS, exercised=exercised)


def _with_policy(result: CheckResult, policy: Policy) -> CheckResult:
    result = replace(result, required=result.name in policy.require)
    if result.name in policy.off:
        return replace(result, status=CheckStatus.OFF, reason="turned off by the scenario")
    if result.name in policy.warn and result.status is CheckStatus.VIOLATED:
        return replace(result, status=CheckStatus.WARNING)
    return result
