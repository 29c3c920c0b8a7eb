"""What a run is asked to do, from files to values: every mistake is found before anything starts."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.scenario import LoadedScenario, load_scenario, scenario_of
from doorbuster.config.toml_file import as_toml
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.tagging import Untaggable
from doorbuster.engine.crash_proof import CRASH_PROOFS
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import CheckText
from doorbuster.model.scenario import Scenario, ScenarioSet
from doorbuster.network.faults import FAULTS, BadParameters, make_fault

COMMAND_LINE = "(command line)"
DEFAULT_CONTRACT = "scenarios/contracts/create_order_with_inventory.toml"


@dataclass(frozen=True, slots=True)
class Job:
    """A run's contract, its scenarios in order, and the checks by name."""

    contract: LoadedContract
    scenarios: tuple[LoadedScenario, ...]
    checks: dict[str, CheckText]


def load_job(contract: Path | None, scenarios: Sequence[str], chosen_set: ScenarioSet) -> Job:
    """The job for these files; ``scenarios`` are names of standing ones or paths, none means all of ``chosen_set``.

    Raises:
        ConfigError: every mistake in every file.
    """
    checks = standard_checks()
    mistakes: list[Mistake] = []
    loaded: list[LoadedScenario] = []
    for path in _paths(scenarios, mistakes):
        try:
            found = load_scenario(path, checks, FAULTS)
            mistakes += _fault_mistakes(found)
        except ConfigError as error:
            mistakes += error.mistakes
        else:
            if scenarios or chosen_set in found.scenario.sets:
                loaded.append(found)
    try:
        shop = load_contract(contract or resource(DEFAULT_CONTRACT))
        mistakes += _flow_mistakes(shop)
    except ConfigError as error:
        mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return Job(shop, tuple(loaded), checks)


def job_of(contract: Path | None, content: dict[str, Any]) -> Job:
    """The job for one scenario with this content, as a command line gives it.

    Raises:
        ConfigError: every mistake.
    """
    text = as_toml(content)
    checks = standard_checks()
    scenario = scenario_of(text, tomllib.loads(text), Path(COMMAND_LINE), checks, FAULTS)
    shop = load_contract(contract or resource(DEFAULT_CONTRACT))
    if mistakes := _flow_mistakes(shop):
        raise ConfigError(mistakes)
    return Job(shop, (scenario,), checks)


def standing_scenarios() -> dict[str, Path]:
    """The scenarios that come with the harness, by name, in the order in which a set runs them."""
    order = ["typical_order", "last_item", "slow_network", "network_timeout", "connection_lost", "every_message",
             "every_statement", "server_crash"]
    found = {path.stem: path for path in resource("scenarios").glob("*.toml")}
    return {name: found[name] for name in sorted(found, key=lambda n: (order.index(n) if n in order else 99, n))}


def proofs(scenario: Scenario) -> dict[str, str]:
    """The query that proves each of a scenario's faults, by the fault's label."""
    found = {plan.label: make_fault(plan.kind, plan.parameters).proof_sql for plan in scenario.faults}
    return found | CRASH_PROOFS if scenario.kind == "crash" else found


def _paths(scenarios: Sequence[str], mistakes: list[Mistake]) -> list[Path]:
    standing = standing_scenarios()
    if not scenarios:
        return list(standing.values())
    paths = []
    for name in scenarios:
        if name in standing:
            paths.append(standing[name])
        elif name.endswith(".toml"):
            paths.append(Path(name))
        else:
            mistakes.append(Mistake(name, "no such scenario", f"Known: {', '.join(standing)}; or give a .toml file."))
    return paths


def _fault_mistakes(loaded: LoadedScenario) -> list[Mistake]:
    mistakes = []
    labels: set[str] = set()
    for number, plan in enumerate(loaded.scenario.faults):
        place = f"{loaded.path}: faults.{number}"
        if plan.label in labels:
            mistakes.append(Mistake(place, f"a second fault called {plan.label!r}", "Give it a 'name' of its own."))
        labels.add(plan.label)
        try:
            make_fault(plan.kind, plan.parameters)
        except BadParameters as problem:
            mistakes.append(Mistake(place, str(problem)))
    return mistakes


def _flow_mistakes(loaded: LoadedContract) -> list[Mistake]:
    try:
        compile_flow(loaded.contract.place)
    except Untaggable as problem:
        return [Mistake(f"{loaded.path}: place", str(problem))]
    return []
