"""Scenario files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.thresholds import parse_threshold
from doorbuster.config.toml_file import read_toml, validated
from doorbuster.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario with the text and the path it came from."""

    scenario: Scenario
    text: str
    path: Path


def load_scenario(path: Path, checks: Collection[str], faults: Collection[str]) -> LoadedScenario:
    """The scenario in the TOML file ``path``; ``checks`` and ``faults`` are the names known.

    Raises:
        ConfigError: every mistake at once.
    """
    return scenario_of(*read_toml(path), path, checks, faults)


def scenario_of(
    text: str, content: dict[str, Any], path: Path, checks: Collection[str], faults: Collection[str]
) -> LoadedScenario:
    """The scenario with this ``content``, whose ``text`` comes from ``path``.

    Raises:
        ConfigError: every mistake at once.
    """
    scenario = validated(Scenario, content, path)
    mistakes = [Mistake(f"{path}: {key}", message) for key, message in _mistakes(scenario, checks, faults)]
    if mistakes:
        raise ConfigError(mistakes)
    return LoadedScenario(scenario, text, path)


def _mistakes(
    scenario: Scenario, checks: Collection[str], faults: Collection[str]
) -> Iterator[tuple[str, str]]:
    for key in ("require", "warn", "off"):
        for name in getattr(scenario.checks, key):
            if name not in checks:
                yield f"checks.{key}", f"unknown check {name!r}; known: {', '.join(sorted(checks))}"
    for number, fault in enumerate(scenario.faults):
        if fault.kind not in faults:
            yield f"faults.{number}.kind", f"unknown fault {fault.kind!r}; known: {', '.join(sorted(faults))}"
        if (fault.pulse_s is None) != (fault.every_s is None):
            yield f"faults.{number}", "'pulse_s' and 'every_s' belong together"
    if scenario.kind == "load":
        yield from _load_mistakes(scenario)
    elif scenario.workload is not None or scenario.phases:
        yield "workload", f"a scenario of kind {scenario.kind!r} has no [workload] and no [[phases]]"
    yield from _threshold_mistakes(scenario)


def _load_mistakes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    work = scenario.workload
    if work is None:
        yield "workload", "is required for kind 'load': what is on the shelves, and who wants it"
        return
    if work.arrivals == "rate" and not scenario.phases:
        yield "phases", "arrivals by rate need at least one [[phases]] with a rate"
    if work.arrivals == "burst" and scenario.phases:
        yield "phases", "a burst has no phases; remove them, or let orders arrive by rate"
    if min(work.buyers, work.products, work.rounds) < 1 or work.stock < 0:
        yield "workload", "buyers, products and rounds are at least 1, stock at least 0"
    for key in ("lines", "quantity"):
        low, high = getattr(work, key)
        if not 1 <= low <= high:
            yield f"workload.{key}", f"[{low}, {high}] is no range of numbers from 1 up"
    if work.arrivals == "rate" and work.lines[1] > work.products:
        yield "workload.lines", f"up to {work.lines[1]} products a cart, but only {work.products} on the shelves"


def _threshold_mistakes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    phases = {phase.name for phase in scenario.phases} or {"burst"}
    for number, expression in enumerate(scenario.thresholds):
        try:
            threshold = parse_threshold(expression)
        except ValueError as problem:
            yield f"thresholds.{number}", str(problem)
            continue
        if threshold.phase is not None and threshold.phase not in phases:
            yield f"thresholds.{number}", f"unknown phase {threshold.phase!r}; known: {', '.join(sorted(phases))}"
