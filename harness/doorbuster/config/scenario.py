"""Scenario files."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.thresholds import parse_threshold
from doorbuster.config.toml_file import read_toml, validated
from doorbuster.model.crowd import MOST_BUYERS, why_no_crowd
from doorbuster.model.interleave import Crowding, Interleave
from doorbuster.model.rates import expected_orders
from doorbuster.model.scenario import Phase, Scenario, Workload

# A slip of the keyboard should not fill the disk.
LONGEST_S = 86_400.0
MOST_ORDERS = 100_000_000


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
    if scenario.interleave is not None:
        yield from _interleave_mistakes(scenario.interleave)
    if scenario.kind == "load":
        yield from _load_mistakes(scenario)
    elif scenario.workload is not None or scenario.phases:
        yield "workload", f"a scenario of kind {scenario.kind!r} has no [workload] and no [[phases]]"
    yield from _threshold_mistakes(scenario)


def _interleave_mistakes(wanted: Interleave) -> Iterator[tuple[str, str]]:
    for number, crowd in enumerate(wanted.crowds):
        if told := why_no_crowd(crowd, get_args(Crowding)):
            yield f"interleave.crowds.{number}", told
    if not 2 <= wanted.buyers <= MOST_BUYERS:
        yield "interleave.buyers", f"2 to {MOST_BUYERS}"
    if not wanted.crowds and not wanted.drawn:
        yield "interleave.crowds", "nobody meets: name a crowd, or let some be 'drawn'"


def _load_mistakes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    work = scenario.workload
    if work is None:
        yield "workload", "is required for kind 'load': what is on the shelves, and who wants it"
        return
    if work.arrivals == "rate" and not scenario.phases:
        yield "phases", "arrivals by rate need at least one [[phases]] with a rate"
    if work.arrivals != "rate" and scenario.phases:
        what = "a burst" if work.arrivals == "burst" else "a closed model"
        yield "phases", f"{what} has no phases; remove them, or let orders arrive by rate"
    if min(work.buyers, work.products, work.rounds) < 1 or work.stock < 0:
        yield "workload", "buyers, products and rounds are at least 1, stock at least 0"
    for kind in ("restock", "cancel", "release"):
        if not 0 <= getattr(work, kind) <= 1:
            yield f"workload.{kind}", "is a share of the orders, from 0 to 1"
    if work.cancel + work.release > 1:
        yield "workload", "'cancel' and 'release' together are more than all orders"
    for key in ("lines", "quantity"):
        low, high = getattr(work, key)
        if not 1 <= low <= high:
            yield f"workload.{key}", f"[{low}, {high}] is no range of numbers from 1 up"
    if work.arrivals != "burst" and work.lines[1] > work.products:
        yield "workload.lines", f"up to {work.lines[1]} products a cart, but only {work.products} on the shelves"
    yield from _choice_mistakes(work)
    names = [phase.name for phase in scenario.phases]
    for number, phase in enumerate(scenario.phases):
        if phase.name in names[:number]:
            yield f"phases.{number}.name", f"a second phase called {phase.name!r}: thresholds could not tell them apart"
        yield from ((f"phases.{number}{key}", told) for key, told in _phase_mistakes(phase))


def _choice_mistakes(work: Workload) -> Iterator[tuple[str, str]]:
    if work.think_s < 0 or (work.duration_s is not None and not 0 < work.duration_s <= LONGEST_S):
        yield "workload", f"think_s is at least 0, duration_s above 0 and at most {LONGEST_S:.0f}"
    if work.duration_s is not None and work.arrivals != "closed":
        yield "workload.duration_s", "is for the closed model; otherwise the phases, or the rounds, say how long"
    if not 0 <= work.repeat <= 1 or not 0 <= work.hot_share <= 1:
        yield "workload", "repeat and hot_share are shares from 0 to 1"
    if work.regulars < 1 or work.skew < 0:
        yield "workload", "regulars are at least 1, skew at least 0"
    if not 1 <= work.hot <= work.products:
        yield "workload.hot", f"{work.hot} hot ones of {work.products} products"


def _phase_mistakes(phase: Phase) -> Iterator[tuple[str, str]]:
    finite = all(math.isfinite(n) for n in (phase.duration_s, phase.rate, phase.to_rate or 0, phase.width_s))
    if not finite or not 0 < phase.duration_s <= LONGEST_S or phase.rate < 0 or phase.width_s <= 0:
        yield "", f"duration_s is above 0 and at most {LONGEST_S:.0f}, rate at least 0, width_s above 0"
        return
    if phase.profile in ("ramp", "steps", "spike") and phase.to_rate is None:
        yield ".to_rate", f"is required for profile {phase.profile!r}: the rate that it goes to"
    if phase.to_rate is not None and (phase.to_rate < 0 or phase.profile == "constant"):
        yield ".to_rate", "is at least 0, and for profiles other than 'constant'"
    if phase.profile == "flash_sale" and phase.stampede < 1:
        yield ".stampede", "is required for profile 'flash_sale': how many orders are due at one instant"
    if phase.profile != "flash_sale" and phase.stampede:
        yield ".stampede", "is for profile 'flash_sale'"
    if phase.profile == "steps" and phase.steps < 2:
        yield ".steps", "is at least 2"
    takes_instant = phase.profile in ("spike", "flash_sale")
    if phase.at_s is not None and not (takes_instant and 0 <= phase.at_s <= phase.duration_s):
        yield ".at_s", "lies within the phase, and is for profiles 'spike' and 'flash_sale'"
    if expected_orders(phase) < 1:
        yield "", "no order would arrive: the rate is too low for the duration"
    if expected_orders(phase) > MOST_ORDERS:
        yield "", f"{expected_orders(phase):,.0f} orders; at most {MOST_ORDERS:,} a phase"


def _threshold_mistakes(scenario: Scenario) -> Iterator[tuple[str, str]]:
    alone = scenario.workload.arrivals if scenario.workload else "burst"
    phases = {phase.name for phase in scenario.phases} or {alone}
    for number, expression in enumerate(scenario.thresholds):
        try:
            threshold = parse_threshold(expression)
        except ValueError as problem:
            yield f"thresholds.{number}", str(problem)
            continue
        if threshold.phase is not None and threshold.phase not in phases:
            yield f"thresholds.{number}", f"unknown phase {threshold.phase!r}; known: {', '.join(sorted(phases))}"
