"""What a scenario may ask of a shop: nothing that its buyers cannot say or never do.

A client that never repeats an unanswered order, because its shop knows no keys, leaves it unanswered: then neither
``duplicate_order`` nor, where the harness cut every order off itself, ``turned_away`` can say anything.
"""

import math
import tomllib
from collections.abc import Sequence
from typing import Any

import tomli_w

from doorbuster.config.scenario import LoadedScenario
from doorbuster.config.thresholds import longer
from doorbuster.config.toml_file import validated
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.interleave.crowds import shape
from doorbuster.model.contract import Contract
from doorbuster.model.crowd import Shape
from doorbuster.model.interleave import Interleave
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Scenario

_EVERY_ORDER_IS_BROKEN = ("cut", "crash")


def playable(scenarios: Sequence[LoadedScenario], contract: Contract) -> tuple[list[LoadedScenario], list[str]]:
    """Those of a set that this shop can be put through, as its buyers can play them; and for notices, what was left
    out or not asked for. What is only there for shops of another sort is nobody's loss, and not told."""
    there = {"shop": contract.place.http is not None, "operations": bool(contract.operations)}
    meant = [one for one in scenarios if all(there[need] for need in one.scenario.needs)]
    missing = {one.scenario.name: what_is_missing(one, contract) for one in meant}
    fitted, told = all_reasonable([one for one in meant if not missing[one.scenario.name]], contract)
    return fitted, [*filter(None, missing.values()), *told]


def all_reasonable(scenarios: Sequence[LoadedScenario], contract: Contract) -> tuple[list[LoadedScenario], list[str]]:
    """The scenarios as this shop's buyers can play them, and for notices, what was changed."""
    pairs = [reasonable(one, contract) for one in scenarios]
    return [one for one, _ in pairs], [told for _, told in pairs if told]


def reasonable(loaded: LoadedScenario, contract: Contract) -> tuple[LoadedScenario, str]:
    """``loaded`` without what this shop cannot show, and what that was, for a notice: empty if nothing."""
    content = tomllib.loads(loaded.text)
    told = [*_no_repeats(content, loaded.scenario, contract), *_own_round_trip(content, loaded.scenario, contract)]
    if not told:
        return loaded, ""
    text = tomli_w.dumps(content)
    whole = LoadedScenario(validated(Scenario, content, loaded.path), text, loaded.path)
    return whole, f"{loaded.scenario.name}: {'; '.join(told)}"


def what_is_missing(loaded: LoadedScenario, contract: Contract) -> str:
    """Why this shop's buyers cannot play the scenario at all; empty if they can."""
    wanted = loaded.scenario.interleave
    if wanted is not None and contract.place.http is not None and len(contract.place.http.requests) > 1:
        return f"{loaded.scenario.name} was left out: an order is several requests, and only one can be interleaved"
    if wanted is None or wanted.drawn or possible_crowds(contract, wanted):
        return ""
    reasons = dict.fromkeys(_why_not(shape(crowd, wanted.buyers), contract) for crowd in wanted.crowds)
    return f"{loaded.scenario.name} was left out: {'; '.join(reasons)}"


def _why_not(wanted: Shape, contract: Contract) -> str:
    """Why the buyers of a crowd cannot be this shop's; empty if they can. Operations need sessions that are theirs."""
    if wanted.operations and contract.place.http is not None:
        return "behind a shop's endpoint its operations are not interleaved"
    if not contract.operations.keys() >= set(wanted.operations):
        return "the contract does not say how that is done"
    if wanted.repeats and not repeats(contract):
        return "its buyers ask twice for one order, and this shop's never do"
    if not contract.place.many_lines and any(len(cart) > 1 for cart in wanted.carts):
        return "its buyers order several products at once, and this shop sells one an order"
    return ""


def possible_crowds(contract: Contract, wanted: Interleave) -> list[str]:
    """Those of the wanted crowds that this shop's buyers can form."""
    return [crowd for crowd in dict.fromkeys(wanted.crowds) if not _why_not(shape(crowd, wanted.buyers), contract)]


def repeats(contract: Contract) -> bool:
    """Whether the shop's client asks again for an order to which no answer came."""
    return Outcome.UNKNOWN in contract.buyer.retry


def _no_repeats(content: dict[str, Any], scenario: Scenario, contract: Contract) -> list[str]:
    if repeats(contract):
        return []
    claims_key = contract.orders is not None and contract.orders.order_key is not None
    dropped = ["duplicate_order"] if not (claims_key and scenario.kind == "stateful") else []
    policy = content.setdefault("checks", {})
    if scenario.kind in _EVERY_ORDER_IS_BROKEN:
        dropped.append("turned_away")
        policy["off"] = [*policy.get("off", ()), "turned_away"]
    left = [name for name in policy.get("require", ()) if name not in dropped]
    missed = [name for name in policy.get("require", ()) if name in dropped]
    policy["require"] = left
    return [f"{' and '.join(missed)} not asked for, as an unanswered order is never repeated"] if missed else []


def _own_round_trip(content: dict[str, Any], scenario: Scenario, contract: Contract) -> list[str]:
    """Limits of latency without what the harness's own question costs on a slow link: a CALL cannot carry its tag, so
    the session is told before, in a round trip that no client of the shop's makes."""
    slow = [fault for fault in scenario.faults if fault.kind == "slow" and fault.target in (None, "database")]
    if not slow or contract.place.http is not None or not compile_flow(contract.place).needs_tag_triggers:
        return []
    trip_ms = 2 * max(float(str(fault.parameters.get("latency_ms", 0))) for fault in slow)
    limits = [longer(expression, trip_ms) for expression in scenario.thresholds]
    if scenario.workload is not None and scenario.workload.arrivals == "rate":
        # Who is kept busy by it is missed at the counter: as many more as are busy with it at once, twice over.
        busiest = max(max(phase.rate, phase.to_rate or 0) for phase in scenario.phases)
        content["workload"]["buyers"] = scenario.workload.buyers + math.ceil(2 * busiest * trip_ms / 1000)
    changed = [limit for limit, was in zip(limits, scenario.thresholds, strict=True) if limit != was]
    content["thresholds"] = limits
    return [f"{limit}, as the tag of a CALL takes {trip_ms:g} ms of the harness's own there" for limit in changed]
