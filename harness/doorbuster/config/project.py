"""``doorbuster.toml``: a team's gate in one file."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.toml_file import read_toml, validated
from doorbuster.model.project import Project, Waiver


def is_project(content: dict[str, Any]) -> bool:
    """Whether a TOML file's content is a project's rather than a contract's, which says how to place an order."""
    return "contract" in content and "place" not in content


def load_project(path: Path, today: date) -> Project:
    """The project in the file ``path``, its paths made whole and its globs expanded.

    Raises:
        ConfigError: every mistake, waivers that have expired by ``today`` and waivers without a reason among them.
    """
    _, content = read_toml(path)
    project = validated(Project, content, path)
    mistakes = [m for n, w in enumerate(project.waive) for m in _waiver_mistakes(w, f"{path}: waive.{n}", today)]
    checks = _expanded(path, "checks", project.checks, mistakes)
    faults = _expanded(path, "faults", project.faults, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    scenarios = tuple(str(path.parent / name) if name.endswith(".toml") else name for name in project.scenarios)
    contract = str(path.parent / project.contract)
    return replace(project, contract=contract, scenarios=scenarios, checks=checks, faults=faults)


def _expanded(path: Path, key: str, patterns: tuple[str, ...], mistakes: list[Mistake]) -> tuple[str, ...]:
    """The files that the globs of a key mean."""
    files: list[str] = []
    for pattern in patterns:
        whole = Path(pattern)
        found = [pattern] if whole.is_absolute() else sorted(str(file) for file in path.parent.glob(pattern))
        if not found:
            mistakes.append(Mistake(f"{path}: {key}", f"nothing matches {pattern!r}", "Paths count from this file."))
        files += found
    return tuple(files)


def unknown_names(project: Project, path: Path, checks: set[str], scenarios: set[str]) -> list[Mistake]:
    """Waivers of checks or scenarios that there are not: a slip of the pen must not look like a waiver."""
    mistakes = []
    for number, waiver in enumerate(project.waive):
        place = f"{path}: waive.{number}"
        if waiver.check not in checks:
            mistakes.append(Mistake(f"{place}.check", f"no such check: {waiver.check!r}", f"Known: {_listed(checks)}."))
        if waiver.scenario != "*" and waiver.scenario not in scenarios:
            cure = f"In this gate: {_listed(scenarios)}; or \"*\"."
            mistakes.append(Mistake(f"{place}.scenario", f"no such scenario: {waiver.scenario!r}", cure))
    return mistakes


def _waiver_mistakes(waiver: Waiver, place: str, today: date) -> list[Mistake]:
    mistakes = []
    if waiver.expires < today:
        cure = "Mend what it waives and remove it, or agree on another date."
        mistakes.append(Mistake(place, f"the waiver of {waiver.check} expired on {waiver.expires}", cure))
    if not waiver.reason.strip():
        mistakes.append(Mistake(f"{place}.reason", "is empty", "Say why this may pass, for who reads it later."))
    return mistakes


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
