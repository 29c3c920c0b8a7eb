"""One stateful scenario: small workloads against the real function, from shelves to recorded tables."""

import asyncio
import re
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from random import Random
from typing import Any

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import Backstage, StatementFailed, connect
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.operations import Operations, operator
from doorbuster.drive.searching import search_beside
from doorbuster.drive.sql_buyer import SqlBuyer
from doorbuster.drive.stateful.crowds import SHAPES, SHARING, Crowds
from doorbuster.drive.stateful.history import History
from doorbuster.drive.stateful.ledger import Ledger
from doorbuster.drive.stateful.machine import search
from doorbuster.drive.stateful.mingling import Mingler, mingles
from doorbuster.drive.stateful.sitting import Counterpart, Finding
from doorbuster.drive.stateful.tours import TOURS, take_tours
from doorbuster.engine.errors import UsageError
from doorbuster.engine.links import open_entrance
from doorbuster.engine.retired import ask_retired
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.host.clock import now_us
from doorbuster.model.contract import OperationKind
from doorbuster.model.events import Judging, Progress
from doorbuster.model.stateful import Stateful
from doorbuster.record.seal import seal_journals

# One order at a time, nobody else there: whoever takes longer than this hangs.
PATIENCE_S = 5.0
# Deadlocks are resolved at once: a crowd is small, and nobody waits that long for anything else.
# Workers of each kind of operation: one order may be cancelled twice at once.
HANDS = 2
CROWD_SETTINGS = {"deadlock_timeout": "20ms"}


async def run_stateful(stage: Stage) -> None:
    """Drive a scenario of kind ``stateful`` and leave its recorded tables in the stage's folder.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    house, contract = stage.house, stage.contract
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    started = time.monotonic()
    async with open_shop(house.server, house.template, name, contract, []) as shop:
        with facts(stage.folder, stage.seed) as known:
            known["start_us"] = now_us()
            try:
                known.update(await _drive(stage, shop))
            except UnmatchedAnswer as problem:
                raise UsageError(f"{contract.name}: {problem}; add a rule for it") from None
            except StatementFailed as problem:
                raise UsageError(str(problem)) from None
            finally:
                stage.emit(Judging(stage.scenario.name))
                known["unobservable"] = await shop.close_and_read(stage.folder)
                seal_journals(stage.folder)
            known["duration_s"] = time.monotonic() - started


async def _drive(stage: Stage, shop: Shop) -> dict[str, Any]:
    """Everything that the scenario asks for; what became known of it, for the facts."""
    wanted, contract = stage.scenario.stateful or Stateful(), stage.contract
    make = buyers_of(contract)
    patience_s = max(PATIENCE_S, contract.buyer.timeout_s)
    async with AsyncExitStack() as stack:
        history = stack.enter_context(History(stage.folder))
        connection = await connect(shop.direct)
        stack.callback(connection.terminate)
        target = await stack.enter_async_context(
            open_entrance(stage.house.guardian, shop.direct, contract, stage.folder)
        )
        buyer = make.at(target, patience_s)
        stack.callback(buyer.close)
        backstage = Backstage(contract, shop.direct)
        stack.callback(backstage.close)
        ledger = await Ledger.open(connection, contract)
        operations = stack.enter_context(Operations(stage.folder))
        at_database = replace(shop.direct, settings=dict(contract.session))
        hands = {
            kind: tuple(operator(contract, kind, at_database, patience_s) for _ in range(HANDS))
            for kind in contract.operations
        }
        for one in (one for several in hands.values() for one in several):
            stack.callback(one.close)
        operators = {kind: several[0] for kind, several in hands.items()}
        counterpart = Counterpart(
            contract, connection, buyer, backstage, history, ledger, Random(stage.seed), operations, operators
        )
        findings, told = await _one_at_a_time(stage, counterpart, wanted)
        await ask_retired(counterpart, target, patience_s, stage.folder)
        if wanted.crowds:
            settings = {**CROWD_SETTINGS, **target.settings}
            crowd_buyers = [
                make.at(replace(target, settings=settings), patience_s)
                for _ in range(max(3, wanted.buyers[1]))
            ]
            for crowd_buyer in crowd_buyers:
                stack.callback(crowd_buyer.close)
            told["held"] = await _crowds(stage, shop, counterpart, crowd_buyers, hands, wanted, stack)
        told["classes"] = dict(counterpart.classes)
        return {"findings": [asdict(f) for f in findings], "stateful": told}


async def _one_at_a_time(
    stage: Stage, counterpart: Counterpart, wanted: Stateful
) -> tuple[list[Finding], dict[str, Any]]:
    told: dict[str, Any] = {"tours": 0, "sequences": 0, "crowds": wanted.crowds}
    told["ledger"] = counterpart.ledger is not None
    if not wanted.examples:
        return [], told
    findings = await take_tours(counterpart)
    told["tours"] = len(TOURS)
    stage.emit(Progress(stage.scenario.name, len(TOURS), len(TOURS) + wanted.examples, {}))
    if findings:
        return findings, told
    found = await search_beside(lambda wait_for: search(counterpart, wait_for, wanted, stage.seed))
    told["sequences"] = found.sequences
    return [found.shortest] if found.shortest else [], told


async def _crowds(
    stage: Stage, shop: Shop, counterpart: Counterpart, buyers: list[Buyer],
    hands: dict[OperationKind, tuple[SqlBuyer, ...]], wanted: Stateful, stack: AsyncExitStack,
) -> int:  # fmt: skip
    holder = await connect(shop.direct)
    stack.callback(holder.terminate)
    await asyncio.gather(*(buyer.connect() for buyer in buyers))
    random = Random(stage.seed)
    crowds = Crowds(counterpart, buyers, holder)
    shapes = [shape for shape in SHAPES if counterpart.retries or shape not in SHARING]
    with_operations, mingler = mingles(list(hands)), Mingler(counterpart, crowds, hands)
    for number in range(wanted.crowds):
        if with_operations and number % 3 == 2:
            await mingler.send(with_operations[number // 3 % len(with_operations)](random), random)
            counterpart.classes["crowd: operations"] += 1
        else:
            shape = shapes[number % len(shapes)]
            await crowds.send(shape(random, random.randint(*wanted.buyers)), random)
            counterpart.classes[f"crowd: {shape.__name__}"] += 1
        stage.emit(Progress(stage.scenario.name, number + 1, wanted.crowds, {}))
    return crowds.held
