"""One load scenario from shelves to result."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.load.launch import Driver, DriverFailed, locust
from doorbuster.drive.load.plan import Plan, write_plan
from doorbuster.drive.sql_buyer import APPLICATION, Target
from doorbuster.drive.workload import shelf
from doorbuster.engine.drill_journal import DrillJournal
from doorbuster.engine.errors import HarnessError, NotPossible, UsageError
from doorbuster.engine.faults import prepared, server_settings
from doorbuster.engine.holding import hold_shop
from doorbuster.engine.house import TEMPLATE
from doorbuster.engine.links import open_links
from doorbuster.engine.own_server import own_server
from doorbuster.engine.probe import probe
from doorbuster.engine.shop import Shop, open_shop, reconnected
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.engine.timeline import Targets, Timeline, whole
from doorbuster.engine.undriven import leave_undriven
from doorbuster.faults import Site
from doorbuster.model.contract import Contract
from doorbuster.model.events import Event, Judging, Progress
from doorbuster.model.scenario import Scenario, Workload
from doorbuster.model.server import Server
from doorbuster.network.server import ToxiproxyServer
from doorbuster.record.seal import seal_journals

# After the last arrival: every retry may run into its time limit once.
DRAIN_MARGIN_S = 5.0


async def run_load(stage: Stage) -> None:
    """Drive a scenario of kind ``load`` and leave its recorded tables in the stage's folder, ready to be judged.

    Where its faults break the server, it has one of its own.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    settings = server_settings(stage.scenario)
    if settings is None:
        await _on_server(stage, stage.house.server, stage.house.template)
        return
    try:
        async with own_server(stage.house, stage.contract, settings) as server:
            await _on_server(stage, server, server.prefix + TEMPLATE)
    except NotPossible as reason:
        leave_undriven(stage, str(reason))


async def _on_server(stage: Stage, server: Server, template: str) -> None:
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    site = Site(server, stage.house.scratch, server.prefix + name, APPLICATION)
    with DrillJournal(stage.folder) as journal:
        guard = prepared(stage.scenario.faults, site, template)
        impossible = await asyncio.to_thread(guard.__enter__)
        try:
            await _in_shop(stage, site, template, name, journal, impossible)
        finally:
            await whole(partial(_leave, guard))


def _leave(guard: AbstractContextManager[object]) -> None:
    guard.__exit__(None, None, None)


async def _in_shop(
    stage: Stage, site: Site, template: str, name: str, journal: DrillJournal, impossible: Mapping[str, str]
) -> None:
    contract, scenario, folder = stage.contract, stage.scenario, stage.folder
    started = time.monotonic()
    items = shelf(contract, workload_of(scenario))
    async with open_shop(site.server, template, name, contract, items) as shop:
        with facts(folder, stage.seed) as known:
            try:
                house = stage.house
                async with open_links(house.toxiproxy, house.guardian, shop.direct, contract, name, folder) as links:
                    targets = Targets(links.proxies, site, impossible=impossible)
                    known["start_us"] = await _drive(stage, shop, links.entrance, targets, journal)
                    if scenario.faults:
                        await _probe(stage, shop, links.entrance, journal)
            finally:
                # Also after a failure: what was recorded so far is kept, and can be judged.
                stage.emit(Judging(scenario.name))
                async with reconnected(shop) as alive:
                    known["unobservable"] = await alive.close_and_read(folder)
                seal_journals(folder)
            known["duration_s"] = time.monotonic() - started
        if stage.options.hold_s:
            await hold_shop(stage, shop, site.server, name)


async def _probe(stage: Stage, shop: Shop, entrance: Target, journal: DrillJournal) -> None:
    async with reconnected(shop) as shop:
        await probe(shop, entrance, stage.contract, stage.seed, stage.folder)
    journal.write("probed", "after all faults one more order was tried, of a product that nobody else wanted")


async def _drive(stage: Stage, shop: Shop, entrance: Target, targets: Targets, journal: DrillJournal) -> int:
    """Run Locust and the timeline side by side; the release of the buyers, in microseconds of the wall clock."""
    house, scenario, folder = stage.house, stage.scenario, stage.folder
    path = house.scratch / f"{shop.slot}.plan.json"
    write_plan(load_plan(shop, entrance, stage.contract, scenario, stage.seed, folder), path)
    progress = _Progress(scenario.name, stage.emit)
    try:
        async with locust(path, workload_of(scenario).buyers, folder / "locust.log", house.guardian) as driver:
            targets = replace(targets, site=replace(targets.site, workers=lambda: [driver.pid]))
            timeline = Timeline(scenario.faults, targets, folder, journal, lambda: progress.fault(timeline.active))
            async with timeline.armed():
                return await _side_by_side(driver, timeline, house.toxiproxy, progress, journal)
    except DriverFailed as problem:
        if str(problem).startswith((UnmatchedAnswer.__name__, "StatementFailed", "KeyError", "ValueError")):
            raise UsageError(f"[answers] or [place] of the contract: {problem}") from None
        raise HarnessError(f"the load could not be driven: {problem}") from None
    finally:
        path.unlink(missing_ok=True)


def workload_of(scenario: Scenario) -> Workload:
    """The workload of a scenario of kind ``load``; loading has made sure that it has one."""
    assert scenario.workload is not None
    return scenario.workload


def load_plan(
    shop: Shop, entrance: Target, contract: Contract, scenario: Scenario, seed: int, folder: Path
) -> Plan:
    """What the driving process needs: buyers go to ``entrance``, journals into ``folder``."""
    return Plan(
        contract=contract,
        workload=workload_of(scenario),
        phases=scenario.phases,
        target=entrance,
        backstage=shop.direct,
        seed=seed,
        record=str(folder.resolve()),
        drain_s=contract.buyer.attempts * (contract.buyer.timeout_s + 0.5) + DRAIN_MARGIN_S,
    )


class _Progress:
    """Turns the driver's reports into events."""

    def __init__(self, scenario: str, emit: Callable[[Event], None]) -> None:
        self._latest = Progress(scenario, 0, 0, {})
        self._emit = emit

    def fault(self, active: str | None) -> None:
        self._latest = replace(self._latest, active_fault=active)
        self._emit(self._latest)

    def report(self, event: dict[str, Any]) -> None:
        counts = {"done": event["done"], "total": event["total"], "outcomes": event["outcomes"]}
        self._latest = replace(self._latest, **counts)
        self._emit(self._latest)


async def _side_by_side(
    driver: Driver, timeline: Timeline, toxiproxy: ToxiproxyServer, progress: _Progress, journal: DrillJournal
) -> int:
    start_us = 0
    faults: asyncio.Task[None] | None = None
    watch = asyncio.create_task(_keep_alive(toxiproxy))
    try:
        async for event in _until_failure(driver, watch):
            if event["event"] == "started":
                start_us = int(event["start_us"])
                journal.write("load", "buyers are released", at_us=start_us)
                faults = asyncio.create_task(timeline.play(start_us))
            elif event["event"] == "progress":
                progress.report(event)
        journal.write("load", "the last order has its answer")
        if faults is not None:
            await faults  # a fault that outlasts the orders is still played to its end, and healed
        return start_us
    finally:
        for task in filter(None, (faults, watch)):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_alive(toxiproxy: ToxiproxyServer) -> None:
    while True:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(toxiproxy.check_responds)


async def _until_failure(driver: Driver, watch: "asyncio.Task[None]") -> Any:
    """The driver's events, until they end or ``watch`` fails."""
    events = driver.events()
    while True:
        following = asyncio.ensure_future(anext(events, None))
        await asyncio.wait({following, watch}, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            following.cancel()
            watch.result()
        event = await following
        if event is None:
            return
        yield event
