"""One interleave scenario: every order of the statements inside the function, from shelves to recorded tables."""

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import StatementFailed
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.history import History
from doorbuster.drive.interleave.crowds import shape
from doorbuster.drive.interleave.driver import CALM, Interleaver
from doorbuster.drive.interleave.gates import SCHEMA, install, tell_relations
from doorbuster.drive.interleave.seats import Seats
from doorbuster.drive.operations import Operations
from doorbuster.drive.stateful.ledger import Ledger
from doorbuster.engine.aftermath import aftermath
from doorbuster.engine.demands import possible_crowds
from doorbuster.engine.drawing import draw_crowds
from doorbuster.engine.errors import NotPossible, UsageError
from doorbuster.engine.exploring import explore_crowd
from doorbuster.engine.schedules import Explored, Gates, doubt, told_of
from doorbuster.engine.seats import NO_SINGLE, open_seats
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.engine.undriven import leave_undriven
from doorbuster.host.clock import now_us
from doorbuster.instrument.footprint import NOTHING, OPAQUE, Does, Footprint, footprint
from doorbuster.instrument.yields import Yields, read_catalogue, read_yields
from doorbuster.model.contract import Contract
from doorbuster.model.events import Judging
from doorbuster.model.interleave import Interleave, Isolation
from doorbuster.record.seal import seal_journals

FIRST_PRODUCT = 1
PRODUCTS_A_CROWD = 100_000
PHASE = "schedules"


async def run_interleave(stage: Stage) -> None:
    """Drive a scenario of kind ``interleave`` and leave its recorded tables in the stage's folder.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    house, contract, wanted = stage.house, stage.contract, stage.scenario.interleave or Interleave()
    if contract.place.http is not None and not contract.place.http.server.single:
        leave_undriven(stage, NO_SINGLE)
        return
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    started = time.monotonic()
    async with open_shop(house.server, house.template, name, contract, []) as shop:
        with (
            facts(stage.folder, stage.seed) as known, History(stage.folder) as history,
            Operations(stage.folder) as operations,
        ):  # fmt: skip
            known["start_us"] = now_us()
            explored: list[Explored] = []
            gates, not_possible = Gates(), None
            try:
                gates = await _install(shop, contract, wanted.isolation)
                await _explore(stage, shop, wanted, gates, (history, operations), explored)
            except UnmatchedAnswer as problem:
                raise UsageError(f"{contract.name}: {problem}; add a rule for it") from None
            except StatementFailed as problem:
                raise UsageError(str(problem)) from None
            except NotPossible as reason:
                not_possible = str(reason)
            finally:
                history.close()
                operations.close()
                stage.emit(Judging(stage.scenario.name))
                known["unobservable"] = await shop.close_and_read(stage.folder)
                seal_journals(stage.folder)
                found = aftermath(stage.folder, contract, "", required=stage.scenario.checks.require)
                known["schedules"] = told_of(stage, gates, explored, found)
                known["unobservable"] = not_possible or known["unobservable"] or doubt(explored, known["schedules"])
            known["duration_s"] = time.monotonic() - started


async def _install(shop: Shop, contract: Contract, isolation: Sequence[Isolation]) -> Gates:
    """Put gates where buyers pass: into functions, and around writes where something writes that has none inside."""
    functions, left_out = await read_yields(shop.connection, SCHEMA)
    several = len(contract.place.calls) > 1
    triggers = several or not functions or bool(left_out)
    points = await install(shop.connection, functions, shop.tables, triggers=triggers)
    calls = await _calls_footprint(shop, contract)
    footprints = _footprints(functions, len(points), calls if several or not functions else None)
    if contract.operations:  # whoever runs one stands at the place before a call, and ends it with all it touches
        footprints[0] |= (await _operations_footprint(shop, contract)).ending()
    await tell_relations(shop.connection, footprints, isolation)
    return Gates(
        points,
        inside=bool(functions),
        # Inside a function, the first statement that touches anything has a gate of its own; else a call is a step.
        entry=several or not functions or any(not one.entry.is_nothing for one in functions),
        strides=not any(f.opaque or Does.ENDS in does for f in footprints[1:] for does in ((), *f.tables.values()))
        and not several and bool(functions),
        triggers=triggers,
        left_out=left_out,
    )


async def _operations_footprint(shop: Shop, contract: Contract) -> Footprint:
    catalogue = await read_catalogue(shop.connection)
    flows = [compile_flow(operation) for operation in contract.operations.values()]
    return footprint([call.statement.sql for flow in flows for call in flow.calls], catalogue)


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
    stage: Stage, shop: Shop, wanted: Interleave, gates: Gates, journals: tuple[History, Operations],
    explored: list[Explored],
) -> None:  # fmt: skip
    explorer = _Explorer(stage, shop, wanted, gates, journals, explored)
    ledger = await Ledger.open(shop.connection, stage.contract) if wanted.drawn else None
    crowds = possible_crowds(stage.contract, wanted)
    most = max([wanted.buyers, *(len(shape(crowd, wanted.buyers).carts) for crowd in crowds)])
    for isolation in dict.fromkeys(wanted.isolation):
        # Above READ COMMITTED the call itself takes the snapshot, so it is a step.
        entry_gate = gates.entry or isolation != "read committed"
        async with _seats(stage, shop, isolation, entry_gate, most, journals[0]) as seats:
            explore = partial(explorer.explore, isolation, entry_gate, seats)
            for crowd in crowds:
                await explore(crowd)
            if wanted.drawn:
                await draw_crowds(stage, wanted, ledger, partial(explore, drawn=True))


class _Explorer:
    """Goes through crowds, one after the other, each with buyers and products of its own."""

    def __init__(
        self, stage: Stage, shop: Shop, wanted: Interleave, gates: Gates, journals: tuple[History, Operations],
        explored: list[Explored],
    ) -> None:  # fmt: skip
        self._stage, self._shop, self._wanted, self._gates = stage, shop, wanted, gates
        self._journals, self._explored = journals, explored
        self._first_products = count(FIRST_PRODUCT, PRODUCTS_A_CROWD)
        self._outcomes: Counter[str] = Counter()

    async def explore(
        self, isolation: Isolation, entry_gate: bool, seats: Seats | None, crowd: str, *, drawn: bool = False
    ) -> Explored:
        """Run the crowd's schedules, as many as are wanted."""
        who = shape(crowd, self._wanted.buyers)
        one = Explored(crowd, isolation, len(who.carts), drawn=drawn)
        self._explored.append(one)
        driver = Interleaver(
            self._stage.contract, self._shop.direct, one.buyers, isolation, *self._journals,
            f"{self._stage.seed} {crowd} {isolation}", kinds=who.operations, entry_gate=entry_gate,
            strides=self._gates.strides, first_product=next(self._first_products), seats=seats,
        )  # fmt: skip
        driver.outcomes = self._outcomes
        began = time.monotonic()
        async with driver.open():
            await explore_crowd(self._stage, driver, one, self._wanted, PHASE)
        one.spent_s = time.monotonic() - began
        return one


@asynccontextmanager
async def _seats(
    stage: Stage, shop: Shop, isolation: Isolation, entry_gate: bool, buyers: int, history: History
) -> AsyncIterator[Seats | None]:
    """A shop for each buyer where he has no session of his own; else none.

    Raises:
        NotPossible: the shops' sessions cannot be told apart, or stopped where they would have to be.
    """
    if stage.contract.place.http is None:
        yield None
        return
    if entry_gate:
        raise NotPossible("a shop's session cannot be stopped before its call, which is a step here")
    settings = {"default_transaction_isolation": isolation, **CALM}
    async with open_seats(stage, shop, settings, buyers, history) as seats:
        yield seats
