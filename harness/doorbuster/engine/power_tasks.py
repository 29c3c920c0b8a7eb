"""What there is to be tried: the library's variants, each with the scenarios in the order in which they are tried."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.config.scenario import LoadedScenario, load_scenario
from doorbuster.config.variant import Variant, library
from doorbuster.engine.demands import playable
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.engine.loading import standing_scenarios
from doorbuster.engine.power import Task, cheapest_first, correctness
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import CheckText
from doorbuster.model.scenario import ScenarioSet


@dataclass(frozen=True, slots=True)
class Offer:
    """The checks, every standing scenario by name, and the names of those of the chosen set, the cheapest first."""

    checks: dict[str, CheckText]
    scenarios: Mapping[str, LoadedScenario]
    chosen: tuple[str, ...]


def offer(chosen: ScenarioSet, named: Collection[str] = ()) -> Offer:
    """What the harness has on offer; ``named`` scenarios take the place of the set.

    Raises:
        ConfigError: every mistake in the standing scenarios, or an unknown name.
    """
    checks = standard_checks()
    loaded = {name: load_scenario(path, checks, ALL_FAULTS) for name, path in standing_scenarios().items()}
    if unknown := sorted(set(named) - set(loaded)):
        cure = f"Known: {', '.join(loaded)}."
        raise ConfigError([Mistake(f"--scenario {name}", "no such scenario", cure) for name in unknown])
    mine = [one for name, one in loaded.items() if (name in named if named else chosen in one.scenario.sets)]
    return Offer(checks, loaded, tuple(one.scenario.name for one in cheapest_first(mine)))


def library_tasks(offered: Offer, seed: int, only: Collection[str] = (), whole: bool = False) -> list[Task]:
    """The library's functions as tasks: the broken ones at their scenarios first, the correct ones at each level.

    Raises:
        ConfigError: a header with a mistake, or an unknown name in ``only``.
    """
    known = {name: loaded.path for name, loaded in offered.scenarios.items()}
    variants = library(offered.checks, known)
    wanted = [v for v in variants if not only or v.name in only or v.kind in only]
    if unknown := sorted(set(only) - {v.name for v in variants} - {v.kind for v in variants}):
        cure = f"Known: broken, correct, {', '.join(v.name for v in variants)}."
        raise ConfigError([Mistake(f"--only {name}", "no such variant", cure) for name in unknown])
    return [task for variant in wanted for task in _tasks(variant, offered, seed, whole)]


def _tasks(variant: Variant, offered: Offer, seed: int, whole: bool) -> Iterable[Task]:
    names = offered.chosen if variant.kind == "correct" else tuple(dict.fromkeys([*variant.scenarios, *offered.chosen]))
    for level in variant.isolation:
        loaded = variant.loaded(level)
        scenarios, left_out = playable([offered.scenarios[name] for name in names], loaded.contract)
        yield Task(
            variant.name, variant.kind, variant.title, loaded, level, seed, tuple(scenarios), offered.checks,
            frozenset(variant.convicted_by) or correctness(offered.checks), whole, frozenset(variant.scenarios),
            left_out=tuple(left_out),
        )  # fmt: skip


def names_of(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The scenarios that occur in ``tasks``, in order."""
    return tuple(dict.fromkeys(one.scenario.name for task in tasks for one in task.scenarios))

