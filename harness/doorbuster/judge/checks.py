"""Checks: SQL files of two queries, one whose rows are the violations and one that counts what exercised it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from doorbuster.host.resources import resource
from doorbuster.judge.script import AT_ONCE
from doorbuster.model.check import CheckResult, CheckStatus, CheckText
from doorbuster.model.scenario import Policy

MOST_ROWS = 10
_PARTS = re.compile(r"(?m)^-- (violations|exercised)[ \t]*$")
ONLY_A_WARNING = "only_a_warning"
_BY_LOG = "by_log_alone"  # such a row convicts also where what the check rests on cannot be believed
_STORY = "attempts"
_BATCH = 10_000


class BadCheck(Exception):
    """A check file that does not have the form, or whose query fails; names the file and the line."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What checks stand on: ``has`` says which optional mappings the contract has, ``blind`` why something that checks
    rest on (such as "clock") cannot be believed."""

    has: Mapping[str, bool] = field(default_factory=dict)
    blind: Mapping[str, str] = field(default_factory=dict)


def standard_checks() -> dict[str, CheckText]:
    """The checks that come with the harness, by name, in alphabetical order."""
    return {check.name: check for check in map(read_check, sorted(resource("sql/checks").glob("*.sql")))}


def read_check(path: Path) -> CheckText:
    """The check in the file ``path``.

    Raises:
        BadCheck: unreadable, or a part of the header or one of the two queries is missing.
    """
    try:
        return parse_check(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise BadCheck(f"{path}: cannot be read: {problem}") from None


def parse_check(text: str, place: str) -> CheckText:
    """The check whose file's text is ``text``; ``place`` names it in errors."""
    marks = list(_PARTS.finditer(text))
    if [mark[1] for mark in marks] != ["violations", "exercised"]:
        raise BadCheck(f"{place}: needs a line '-- violations' with a query, then '-- exercised' with another")
    header = _header(text[: marks[0].start()])
    missing = [key for key in ("check", "means", "sound", "exercised by") if key not in header]
    if missing:
        raise BadCheck(f"{place}: the header lacks {', '.join(f'-- {key}:' for key in missing)}")
    if header.get("without a log", "convicts") not in ("convicts", "judges"):
        raise BadCheck(f"{place}: '-- without a log:' says 'convicts' or 'judges', or is left out")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", header["check"]):
        raise BadCheck(f"{place}: {header['check']!r} is no name for a check; use letters, digits and underscores")
    violations, violations_line = _query(text, marks[0].end(), marks[1].start(), place)
    exercised, exercised_line = _query(text, marks[1].end(), len(text), place)
    return CheckText(
        name=header["check"],
        means=header["means"],
        sound=header["sound"],
        exercised_by=header["exercised by"],
        violations=violations,
        exercised=exercised,
        needs=tuple(header.get("needs", "").split()),
        is_threshold=header.get("kind") == "threshold",
        rests_on=tuple(header.get("rests on", "").split()),
        place=place,
        violations_line=violations_line,
        exercised_line=exercised_line,
        without_log=header.get("without a log", ""),
    )


def _query(text: str, start: int, end: int, place: str) -> tuple[str, int]:
    """The query between two offsets, and the line of the file on which it begins."""
    part = text[start:end]
    query = part.strip()
    begin = start + (len(part) - len(part.lstrip()) if query else 0)
    line = text.count("\n", 0, begin) + 1
    query = query.rstrip(";").rstrip()
    if not query:
        raise BadCheck(f"{place}, line {line}: the query is empty")
    return query, line


def _header(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"-- ([a-z][a-z ]*): (.*)", line):
            key = match[1]
            found[key] = match[2].strip()
        elif key and line.startswith("--   "):
            found[key] += " " + line[5:].strip()
    return found


def run_checks(
    connection: duckdb.DuckDBPyConnection, checks: Iterable[CheckText], policy: Policy, ground: Ground
) -> list[CheckResult]:
    """Run ``checks`` over the canonical tables.

    Raises:
        BadCheck: a query fails; points to its line.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda check: _run(connection.cursor(), check, ground), checks)
        return [_with_policy(result, policy) for result in found]


def unobservable(checks: Iterable[CheckText], policy: Policy, reason: str) -> list[CheckResult]:
    """The results where the log could not be read: nothing is known, and nothing passes."""
    status = CheckStatus.UNOBSERVABLE
    return [_with_policy(CheckResult(check.name, status, reason=reason), policy) for check in checks]


def run_without_log(
    connection: duckdb.DuckDBPyConnection, checks: Iterable[CheckText], policy: Policy, ground: Ground, reason: str
) -> list[CheckResult]:
    """The results where there is no log, but the state before and after all buyers, as two commits.

    A violation seen in the final state is one. That none is seen there is no pass: nobody saw what lay between.

    Raises:
        BadCheck: a query fails; points to its line.
    """
    return [_with_policy(_run_without_log(connection, check, ground, reason), policy) for check in checks]


def _run_without_log(
    connection: duckdb.DuckDBPyConnection, check: CheckText, ground: Ground, reason: str
) -> CheckResult:
    unseen = CheckResult(check.name, CheckStatus.UNOBSERVABLE, reason=reason)
    if not check.without_log:
        return unseen
    result = _run(connection, check, ground)
    if check.without_log == "judges" or result.status in (CheckStatus.VIOLATED, CheckStatus.OFF):
        return result
    return unseen


def violations(
    connection: duckdb.DuckDBPyConnection, check: CheckText, most: int | None = None
) -> list[dict[str, Any]]:
    """The rows of a check's violations, at most ``most`` of them.

    Raises:
        BadCheck: the query fails.
    """
    return list(islice(_rows(connection, check), most))


def _rows(connection: duckdb.DuckDBPyConnection, check: CheckText) -> Iterator[dict[str, Any]]:
    try:
        found = connection.execute(check.violations)
        names = [column[0] for column in found.description or ()]
        while batch := found.fetchmany(_BATCH):
            yield from (dict(zip(names, row, strict=True)) for row in batch)
    except duckdb.Error as problem:
        raise _bad(check, check.violations_line, problem) from problem


def exercised(connection: duckdb.DuckDBPyConnection, check: CheckText) -> int:
    """How much put the check to the test.

    Raises:
        BadCheck: the query fails, or does not give one number.
    """
    try:
        row = connection.execute(check.exercised).fetchone()
        return int(row[0] or 0) if row else 0
    except duckdb.Error as problem:
        raise _bad(check, check.exercised_line, problem) from problem
    except (TypeError, ValueError):
        raise BadCheck(f"{check.place}, line {check.exercised_line}: the query must give one number") from None


def try_check(connection: duckdb.DuckDBPyConnection, check: CheckText) -> None:
    """Run a check over empty tables, so that its mistakes are found before a run.

    Raises:
        BadCheck: a query fails.
    """
    violations(connection, check, 1)
    exercised(connection, check)


def _run(connection: duckdb.DuckDBPyConnection, check: CheckText, ground: Ground) -> CheckResult:
    for need in check.needs:
        if not ground.has.get(need, False):
            return CheckResult(check.name, CheckStatus.OFF, reason=f"the contract maps no [{need}]", applies=False)
    blind = next((ground.blind[part] for part in check.rests_on if part in ground.blind), None)
    found = _count_violations(connection, check, only_by_log=blind is not None)
    if blind is not None and not found.convicting:
        return CheckResult(check.name, CheckStatus.UNOBSERVABLE, reason=blind)
    count = exercised(connection, check)
    if found.convicting or found.warning:
        status = CheckStatus.VIOLATED if found.convicting else CheckStatus.WARNING
        shown = tuple(_with_story(connection, row) for row in found.rows)
        number = found.convicting or found.warning
        return CheckResult(check.name, status, number, count, check.means, example=shown[0], rows=shown)
    if count == 0:
        return CheckResult(check.name, CheckStatus.UNEXERCISED, reason=f"nothing exercised it: {check.exercised_by}")
    return CheckResult(check.name, CheckStatus.HOLDS, exercised=count)


@dataclass(slots=True)
class _Found:
    """How many rows convict and how many only warn; the first ``rows`` of the worse sort."""

    convicting: int = 0
    warning: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        if row.get(ONLY_A_WARNING) is True:
            self.warning += 1
            is_shown = not self.convicting
        else:
            if not self.convicting:
                self.rows.clear()
            self.convicting += 1
            is_shown = True
        if is_shown and len(self.rows) < MOST_ROWS:
            self.rows.append(row)


def _count_violations(connection: duckdb.DuckDBPyConnection, check: CheckText, *, only_by_log: bool) -> _Found:
    found = _Found()
    for row in _rows(connection, check):
        if not only_by_log or row.get(_BY_LOG) is True:
            found.add(row)
    return found


def _with_story(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> dict[str, Any]:
    """The row with its order key's attempts in words: told for the rows that are shown, for all it takes too long."""
    row = {name: value for name, value in row.items() if name not in (ONLY_A_WARNING, _BY_LOG)}
    if row.get("order_key") is None or _STORY in row:
        return row
    told = connection.execute("select story(?)", [row["order_key"]]).fetchone()
    return {**row, _STORY: told[0] if told else None}


def _bad(check: CheckText, line: int, problem: duckdb.Error) -> BadCheck:
    """DuckDB says the line within the query; the reader wants the one in the file."""
    message = str(problem)
    if match := re.search(r"\nLINE (\d+): ", message):
        line += int(match[1]) - 1
    told = " ".join(message.split("\n\nLINE ")[0].split("\nLINE ")[0].split())
    return BadCheck(f"{check.place or check.name}, line {line}: check {check.name}: {told}")


def _with_policy(result: CheckResult, policy: Policy) -> CheckResult:
    result = replace(result, required=result.name in policy.require)
    if result.name in policy.off:
        return replace(result, status=CheckStatus.OFF, reason="turned off by the scenario")
    if result.name in policy.accept_unobservable and result.status is CheckStatus.UNOBSERVABLE:
        return replace(result, required=False, accepted=True, reason=f"{result.reason}; the scenario accepts that")
    if result.name in policy.warn and result.status is CheckStatus.VIOLATED:
        return replace(result, status=CheckStatus.WARNING)
    return result
