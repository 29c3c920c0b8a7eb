"""What a scenario may ask of a shop: nothing that its buyers cannot say or never do.

A client that never repeats an unanswered order, because its shop knows no keys, leaves it unanswered: then neither
``duplicate_order`` nor, where the harness cut every order off itself, ``turned_away`` can say anything.
"""

import tomllib
from typing import Any

import tomli_w

from doorbuster.config.scenario import LoadedScenario
from doorbuster.config.toml_file import validated
from doorbuster.drive.interleave.crowds import shape
from doorbuster.model.contract import Contract
from doorbuster.model.interleave import Interleave
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Scenario

_EVERY_ORDER_IS_BROKEN = ("cut", "crash")


def reasonable(loaded: LoadedScenario, contract: Contract) -> tuple[LoadedScenario, str]:
    """``loaded`` without what this shop cannot show, and what that was, for a notice: empty if nothing."""
    content = tomllib.loads(loaded.text)
    told = _no_repeats(content, loaded.scenario, contract)
    if not told:
        return loaded, ""
    text = tomli_w.dumps(content)
    whole = LoadedScenario(validated(Scenario, content, loaded.path), text, loaded.path)
    return whole, f"{loaded.scenario.name}: {'; '.join(told)}"


def what_is_missing(loaded: LoadedScenario, contract: Contract) -> str:
    """Why this shop's buyers cannot play the scenario at all; empty if they can."""
    wanted = loaded.scenario.interleave
    if wanted is None or wanted.drawn or possible_crowds(contract, wanted):
        return ""
    if all(shape(crowd, wanted.buyers).operations for crowd in wanted.crowds):
        return f"{loaded.scenario.name} was left out: the contract says of none of its operations how it is done"
    return f"{loaded.scenario.name} was left out: its buyers order several products at once, or one order twice"


def possible_crowds(contract: Contract, wanted: Interleave) -> list[str]:
    """Those of the wanted crowds that this shop's buyers can form, beside its operations where sessions are theirs."""
    known = contract.operations.keys() if contract.place.http is None else frozenset[str]()
    return [
        crowd for crowd in dict.fromkeys(wanted.crowds)
        if (repeats(contract) or not shape(crowd, wanted.buyers).repeats)
        and set(shape(crowd, wanted.buyers).operations) <= known
        and (contract.place.many_lines or all(len(cart) == 1 for cart in shape(crowd, wanted.buyers).carts))
    ]  # fmt: skip


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
