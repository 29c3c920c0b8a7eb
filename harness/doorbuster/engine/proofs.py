"""The query that proves each of a scenario's faults, by the fault's label."""

from doorbuster.engine.crash_proof import CRASH_PROOFS
from doorbuster.engine.faults import fault_of
from doorbuster.model.contract import Contract
from doorbuster.model.fault import FaultPlan
from doorbuster.model.scenario import Scenario
from doorbuster.network.faults.base import over_touched

# What buyers can see of a fault behind their shop: answers that are no order. In calm only "sold out" is one.
BEHIND_A_SHOP = over_touched("""
select count(*), format('{} attempt{} got no order from the shop, though {} of them had made one',
                        count(*), if(count(*) = 1, '', 's'), count(*) filter (attempt in (select attempt from made_by)))
from touched where outcome not in ('ok', 'sold_out')
""")
# These are seen in how long an answer takes, whoever gives it.
_SEEN_BY_TIME = ("slow", "slow_disk", "server_stalled", "worker_stalled")


def proofs(scenario: Scenario, contract: Contract) -> dict[str, str]:
    """One query a fault, for DuckDB over the run's own tables, by label."""
    found = {plan.label: _proof(plan, contract) for plan in scenario.faults}
    if scenario.kind == "crash":
        behind = contract.place.http is not None
        found |= dict.fromkeys(CRASH_PROOFS, BEHIND_A_SHOP) if behind else CRASH_PROOFS
    return found


def _proof(plan: FaultPlan, contract: Contract) -> str:
    is_behind = contract.place.http is not None and plan.target != "shop" and plan.kind not in _SEEN_BY_TIME
    return BEHIND_A_SHOP if is_behind else fault_of(plan).proof_sql
