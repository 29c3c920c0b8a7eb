"""Every fault there is, of the network and of the server, by its kind; and what a scenario's faults need together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from doorbuster.faults import SITE_FAULTS, CannotBreak, Site, SiteFault
from doorbuster.model.fault import FaultPlan
from doorbuster.model.fault_settings import BadParameters
from doorbuster.model.scenario import Scenario
from doorbuster.network.faults import FAULTS, Fault

# A project may add its own (engine/own_faults.py).
ALL_FAULTS: dict[str, type[Fault] | type[SiteFault]] = {**FAULTS, **SITE_FAULTS}
# Beyond the buyers: the harness's own sessions, and those that the server keeps for superusers.
SPARE_CONNECTIONS = 30


def fault_of(plan: FaultPlan) -> Fault | SiteFault:
    """The fault that ``plan`` means. Raises BadParameters, which names the known kinds or parameters."""
    if plan.kind not in ALL_FAULTS:
        raise BadParameters(f"unknown fault {plan.kind!r}; known: {', '.join(ALL_FAULTS)}")
    if plan.target is not None and plan.kind in SITE_FAULTS:
        raise BadParameters(f"fault {plan.kind} strikes the {SITE_FAULTS[plan.kind].target}: leave 'target' out")
    return ALL_FAULTS[plan.kind].from_parameters(plan.parameters)


def target_of(plan: FaultPlan, default: str = "database") -> str:
    """What a fault breaks: ``database`` and ``shop`` are links, ``server`` and ``worker`` processes."""
    return SITE_FAULTS[plan.kind].target if plan.kind in SITE_FAULTS else plan.target or default


def server_settings(scenario: Scenario) -> Mapping[str, str] | None:
    """The settings of the server that the scenario's faults break; None where they leave the server alone."""
    found = [fault_of(plan) for plan in scenario.faults if target_of(plan) == "server"]
    if not found:
        return None
    buyers = scenario.workload.buyers if scenario.workload else 0
    settings = {"max_connections": str(buyers + SPARE_CONNECTIONS)}
    for fault in found:
        assert isinstance(fault, SiteFault)
        settings.update(fault.server_settings)
    return settings


@contextmanager
def prepared(plans: Sequence[FaultPlan], site: Site, template: str) -> Iterator[dict[str, str]]:
    """What must stand before the shop opens; gives why not, by label, for each fault that cannot be had here."""
    impossible: dict[str, str] = {}
    done: dict[str, str] = {}
    with ExitStack() as stack:
        for plan in plans:
            fault = fault_of(plan)
            if not isinstance(fault, SiteFault):
                continue
            if plan.kind not in done:  # once, also where it strikes twice
                done[plan.kind] = ""
                try:
                    stack.enter_context(fault.prepared(site, template))
                except CannotBreak as reason:
                    done[plan.kind] = str(reason)
            if done[plan.kind]:
                impossible[plan.label] = done[plan.kind]
        yield impossible
