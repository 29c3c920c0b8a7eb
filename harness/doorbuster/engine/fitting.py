"""A scenario fitted to a contract: nobody can be asked for what the contract cannot say."""

from dataclasses import replace

from doorbuster.engine.plenty import most_needed, unit_is_a_row
from doorbuster.engine.stage import Drive, Stage
from doorbuster.model.contract import Contract
from doorbuster.model.crash import Crash
from doorbuster.model.cut import Cut
from doorbuster.model.scenario import Scenario


def fitted(scenario: Scenario, contract: Contract) -> Scenario:
    """``scenario`` with carts of one line where the contract sends one product an order: more lines would be recorded
    as wanted and never be sent, and then be missed. And with no more stock than its orders can want, where each unit is
    a row."""
    workload = scenario.workload
    if workload is not None and unit_is_a_row(contract) and (most := most_needed(scenario)) is not None:
        workload = replace(workload, stock=min(workload.stock, most))
    if contract.place.many_lines:
        return scenario if workload is scenario.workload else replace(scenario, workload=workload)
    return replace(
        scenario,
        workload=workload and replace(workload, lines=(1, 1)),
        cut=replace(scenario.cut or Cut(), lines=1) if scenario.kind == "cut" else None,
        crash=replace(scenario.crash or Crash(), lines=1) if scenario.kind == "crash" else None,
    )


def fitting(drive: Drive) -> Drive:
    """``drive``, given its scenario fitted to its contract."""

    async def driven(stage: Stage) -> None:
        await drive(replace(stage, scenario=fitted(stage.scenario, stage.contract)))

    return driven
