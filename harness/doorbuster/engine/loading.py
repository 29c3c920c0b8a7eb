"""What a run is asked to do, from files to values: every mistake is found before anything starts."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomli_w

from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.project import is_project, load_project, unknown_names
from doorbuster.config.scenario import LoadedScenario, load_scenario, scenario_of
from doorbuster.config.toml_file import read_toml
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.tagging import Untaggable
from doorbuster.engine.demands import all_reasonable, playable
from doorbuster.engine.faults import ALL_FAULTS, fault_of, target_of
from doorbuster.engine.own_faults import add_faults
from doorbuster.faults import SITE_FAULTS
from doorbuster.host.resources import resource
from doorbuster.judge.checks import BadCheck, read_check, standard_checks
from doorbuster.judge.views import try_checks
from doorbuster.model.check import CheckText
from doorbuster.model.contract import Operation, Place
from doorbuster.model.fault_settings import BadParameters
from doorbuster.model.project import Project, Waiver
from doorbuster.model.scenario import ScenarioSet

COMMAND_LINE = "(command line)"
DEFAULT_CONTRACT = "scenarios/contracts/create_order_with_inventory.toml"


@dataclass(frozen=True, slots=True)
class Job:
    """A run's contract, its scenarios in order, the checks by name, what is waived; ``config`` is the file given,
    ``notices`` what was cut to the shop."""

    contract: LoadedContract
    scenarios: tuple[LoadedScenario, ...]
    checks: dict[str, CheckText]
    waivers: tuple[Waiver, ...] = ()
    config: Path | None = None
    notices: tuple[str, ...] = ()


def load_job(config: Path | None, scenarios: Sequence[str], chosen_set: ScenarioSet | None = None) -> Job:
    """The job for these files; ``scenarios`` are names of standing ones or paths, none means all of ``chosen_set``.

    ``config`` is a contract, or a project's file that names one; what is given here goes over what a project says.

    Raises:
        ConfigError: every mistake in every file.
    """
    project = _project(config)
    checks, mistakes = _all_checks(project)
    scenarios = scenarios or (project.scenarios if project and chosen_set is None else ())
    chosen_set = chosen_set or (project.set if project else None) or "gate"
    contract = Path(project.contract) if project else config
    loaded: list[LoadedScenario] = []
    notices: list[str] = []
    for path in _paths(scenarios, mistakes):
        try:
            found = load_scenario(path, checks, ALL_FAULTS)
            mistakes += _fault_mistakes(found)
        except ConfigError as error:
            mistakes += error.mistakes
        else:
            if scenarios or chosen_set in found.scenario.sets:
                loaded.append(found)
    try:
        shop = load_contract(contract or resource(DEFAULT_CONTRACT))
        # Of a set, those that the contract can be put through; who names a scenario wants it all the same.
        loaded, notices = (all_reasonable if scenarios else playable)(loaded, shop.contract)
        mistakes += _flow_mistakes(shop)
        mistakes += _operation_mistakes(shop, loaded)
        mistakes += _link_mistakes(shop, loaded)
        mistakes += _check_mistakes(project, shop, checks)
    except ConfigError as error:
        mistakes += error.mistakes
    if project and config:
        mistakes += unknown_names(project, config, set(checks), {path.stem for path in _paths((), [])} | {
            loaded.scenario.name for loaded in loaded})  # fmt: skip
    if mistakes:
        raise ConfigError(mistakes)
    return Job(shop, tuple(loaded), checks, project.waive if project else (), config, tuple(notices))


def _project(config: Path | None) -> Project | None:
    try:
        if config is None or not is_project(read_toml(config)[1]):
            return None
    except ConfigError:  # met again, and told, where it is read as a contract
        return None
    return load_project(config, datetime.now(UTC).date())


def _all_checks(project: Project | None) -> tuple[dict[str, CheckText], list[Mistake]]:
    """The standing checks and a project's own, which may not take the name of another; its faults become known."""
    checks, mistakes = standard_checks(), add_faults(project.faults if project else ())
    for file in project.checks if project else ():
        try:
            own = read_check(Path(file))
        except BadCheck as problem:
            mistakes.append(Mistake(file, str(problem).removeprefix(f"{file}: ")))
            continue
        if own.name in checks:
            mistakes.append(Mistake(file, f"there is a check called {own.name!r} already", "Choose another name."))
        checks[own.name] = own
    return checks, mistakes


def _check_mistakes(
    project: Project | None, shop: LoadedContract, checks: Mapping[str, CheckText]
) -> list[Mistake]:
    """What is wrong in the queries of a project's own checks, by file and line; told before anything starts."""
    own = [check for check in checks.values() if project and check.place in project.checks]
    found = []
    for problem in try_checks(shop.contract, own) if own else ():
        place, _, told = str(problem).partition(": ")
        found.append(Mistake(place, told, "The tables that checks may read: docs/checks.md."))
    return found


def job_of(config: Path | None, content: dict[str, Any]) -> Job:
    """The job for one scenario with this content, as a command line gives it.

    Raises:
        ConfigError: every mistake.
    """
    text = tomli_w.dumps(content)
    project = _project(config)
    checks, mistakes = _all_checks(project)
    if mistakes:
        raise ConfigError(mistakes)
    contract = Path(project.contract) if project else config
    scenario = scenario_of(text, tomllib.loads(text), Path(COMMAND_LINE), checks, ALL_FAULTS)
    shop = load_contract(contract or resource(DEFAULT_CONTRACT))
    of_files = [*_flow_mistakes(shop), *_operation_mistakes(shop, [scenario]), *_link_mistakes(shop, [scenario])]
    if mistakes := [*of_files, *_check_mistakes(project, shop, checks)]:
        raise ConfigError(mistakes)
    (scenario,), told = all_reasonable([scenario], shop.contract)
    return Job(shop, (scenario,), checks, project.waive if project else (), config, tuple(told))


def standing_scenarios() -> dict[str, Path]:
    """The scenarios that come with the harness, by name, in the order in which a set runs them."""
    order = ["typical_order", "last_item", "slow_network", "network_timeout", "connection_lost", "every_message",
             "every_statement", "server_crash"]
    found = {path.stem: path for path in resource("scenarios").glob("*.toml")}
    return {name: found[name] for name in sorted(found, key=lambda n: (order.index(n) if n in order else 99, n))}


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
            fault_of(plan)
        except BadParameters as problem:
            mistakes.append(Mistake(place, str(problem)))
    return mistakes + _overlap_mistakes(loaded)


def _overlap_mistakes(loaded: LoadedScenario) -> list[Mistake]:
    """Two faults of the server at once: one could not be healed while the other lasts."""
    plans = [plan for plan in loaded.scenario.faults if plan.kind in SITE_FAULTS]
    plans = sorted((p for p in plans if target_of(p) == "server"), key=lambda plan: plan.start_s)
    return [
        Mistake(f"{loaded.path}: faults", f"{later.label!r} begins before {earlier.label!r} is over",
                "Of the server only one thing at a time can be broken; leave it a second to recover in between.")
        for earlier, later in pairwise(plans) if later.start_s < earlier.start_s + earlier.duration_s
    ]  # fmt: skip


def _operation_mistakes(shop: LoadedContract, scenarios: Sequence[LoadedScenario]) -> list[Mistake]:
    """What a workload asks of a shop beyond what the contract says that it does."""
    found = []
    for loaded in scenarios:
        work, most = loaded.scenario.workload, shop.contract.rules.max_quantity
        if work is not None and work.quantity[1] > most:
            told = f"up to {work.quantity[1]} units a line, but the shop sells no more than {most}"
            cure = f"Lower it, or raise rules.max_quantity in {shop.path.name}."
            found.append(Mistake(f"{loaded.path}: workload.quantity", told, cure))
        mixed = loaded.scenario.workload.operations if loaded.scenario.workload else {}
        for kind in (kind for kind in mixed if kind not in shop.contract.operations):
            cure = f"Say in {shop.path.name} how the shop does it, in a table [{kind}], or remove the key."
            found.append(Mistake(f"{loaded.path}: workload.{kind}", f"the contract has no [{kind}]", cure))
    return found


def _link_mistakes(shop: LoadedContract, scenarios: Sequence[LoadedScenario]) -> list[Mistake]:
    """Faults on a link that the contract's shop does not have."""
    if shop.contract.place.http is not None:
        return []
    cure = f"{shop.contract.name} is reached over its database: only a contract with [place.http] has a link 'shop'."
    told = "orders go straight to the database: there is no link to a shop"
    places = [
        f"{loaded.path}: faults.{number}.target"
        for loaded in scenarios
        for number, plan in enumerate(loaded.scenario.faults)
        if plan.target == "shop"
    ]
    places += [f"{one.path}: cut.link" for one in scenarios if one.scenario.cut and one.scenario.cut.link == "shop"]
    return [Mistake(place, told, cure) for place in places]


def _flow_mistakes(loaded: LoadedContract) -> list[Mistake]:
    mistakes = []
    flows: list[tuple[str, Place | Operation]] = [("place", loaded.contract.place), *loaded.contract.operations.items()]
    for key, flow in flows:
        try:
            compile_flow(flow)
        except Untaggable as problem:
            mistakes.append(Mistake(f"{loaded.path}: {key}", str(problem)))
    return mistakes
