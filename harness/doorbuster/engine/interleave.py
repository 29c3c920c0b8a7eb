"""One interleave scenario: every order of the statements inside the function, from shelves to recorded tables."""

import re
import time
from collections import Counter
from collections.abc import Sequence

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import StatementFailed
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.history import History
from doorbuster.drive.interleave.driver import Interleaver
from doorbuster.drive.interleave.gates import SCHEMA, install, tell_relations
from doorbuster.engine.aftermath import aftermath
from doorbuster.engine.demands import possible_crowds
from doorbuster.engine.errors import UsageError
from doorbuster.engine.exploring import explore_crowd
from doorbuster.engine.schedules import Explored, Gates, doubt, told_of
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.engine.undriven import leave_undriven
from doorbuster.instrument.footprint import NOTHING, OPAQUE, Does, Footprint, footprint
from doorbuster.instrument.yields import Yields, read_catalogue, read_yields
from doorbuster.model.contract import Contract
from doorbuster.model.events import Judging
from doorbuster.model.interleave import Interleave, Isolation
from doorbuster.record.seal import seal_journals

FIRST_PRODUCT = 1
PRODUCTS_A_CROWD = 100_000
PHASE = "schedules"
_HTTP = "the shop's own sessions place its orders, and nothing says which buyer each belongs to"


async def run_interleave(stage: Stage) -> None:
    """Drive a scenario of kind ``interleave`` and leave its recorded tables in the stage's folder.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    house, contract, wanted = stage.house, stage.contract, stage.scenario.interleave or Interleave()
    if contract.place.http is not None:
        leave_undriven(stage, _HTTP)
        return
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    started = time.monotonic()
    async with open_shop(house.server, house.template, name, contract, []) as shop:
        with facts(stage.folder, stage.seed) as known, History(stage.folder) as history:
            known["start_us"] = time.time_ns() // 1000
            explored: list[Explored] = []
            gates = Gates()
            try:
                gates = await _install(shop, contract, wanted.isolation)
                await _explore(stage, shop, wanted, gates, history, explored)
            except UnmatchedAnswer as problem:
                raise UsageError(f"{contract.name}: {problem}; add a rule for it") from None
            except StatementFailed as problem:
                raise UsageError(str(problem)) from None
            finally:
                history.close()
                stage.emit(Judging(stage.scenario.name))
                known["unobservable"] = await shop.close_and_read(stage.folder)
                seal_journals(stage.folder)
                found = aftermath(stage.folder, contract, "", required=stage.scenario.checks.require)
                known["schedules"] = told_of(stage, gates, explored, found)
                known["unobservable"] = known["unobservable"] or doubt(explored, known["schedules"])
            known["duration_s"] = time.monotonic() - started


async def _install(shop: Shop, contract: Contract, isolation: Sequence[Isolation]) -> Gates:
    """Put gates where buyers pass: into functions, and around writes where something writes that has none inside."""
    functions, left_out = await read_yields(shop.connection, SCHEMA)
    several = len(contract.place.calls) > 1
    triggers = several or not functions or bool(left_out)
    points = await install(shop.connection, functions, shop.tables, triggers=triggers)
    calls = await _calls_footprint(shop, contract)
    footprints = _footprints(functions, len(points), calls if several or not functions else None)
    await tell_relations(shop.connection, footprints, isolation)
    return Gates(
        points,
        inside=bool(functions),
        # Inside a function, the first statement that touches anything has a gate of its own; else a call is a step.
        entry=several or not functions or any(not one.entry.is_nothing for one in functions),
        strides=not any(f.opaque or Does.ENDS in does for f in footprints for does in ((), *f.tables.values())),
        triggers=triggers,
        left_out=left_out,
    )


async def _calls_footprint(shop: Shop, contract: Contract) -> Footprint:
    """What the statements of an order's flow touch themselves."""
    catalogue = await read_catalogue(shop.connection)
    flow = compile_flow(contract.place)
    return footprint([call.statement.sql for call in flow.calls], catalogue)


def _footprints(functions: Sequence[Yields], points: int, calls: Footprint | None) -> list[Footprint]:
    """Of every point, in order. The place before a call is followed by what all functions do first; where a call's own
    statements touch tables, by all they touch, each to the end of its transaction, and so is a place before or after a
    write."""
    before = NOTHING
    for one in functions:
        before |= one.entry
    around = OPAQUE if calls is None else calls.ending()
    inside = [f for one in functions for f in one.footprints]
    return [before if calls is None else around, *inside, *[around] * (points - 1 - len(inside))]


async def _explore(
    stage: Stage, shop: Shop, wanted: Interleave, gates: Gates, history: History, explored: list[Explored]
) -> None:
    product = FIRST_PRODUCT
    outcomes: Counter[str] = Counter()
    for isolation in dict.fromkeys(wanted.isolation):
        for crowd in possible_crowds(stage.contract, wanted):
            one = Explored(crowd, isolation, wanted.buyers)
            explored.append(one)
            driver = Interleaver(
                stage.contract, shop.direct, wanted.buyers, isolation, history, f"{stage.seed} {crowd} {isolation}",
                # Above READ COMMITTED the call itself takes the snapshot, so it is a step.
                entry_gate=gates.entry or isolation != "read committed", strides=gates.strides, first_product=product,
            )  # fmt: skip
            product += PRODUCTS_A_CROWD
            began = time.monotonic()
            driver.outcomes = outcomes
            async with driver.open():
                await explore_crowd(stage, driver, one, wanted, PHASE)
            one.spent_s = time.monotonic() - began
