"""One load scenario from shelves to result."""

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.config.thresholds import parse_threshold
from doorbuster.drive.load.launch import Driver, DriverFailed, locust
from doorbuster.drive.load.lost import complete_history
from doorbuster.drive.load.plan import SERIES, Plan, write_plan
from doorbuster.drive.sql_buyer import APPLICATION, Target
from doorbuster.drive.workload import BURST, shelf
from doorbuster.engine.drill_journal import DrillJournal
from doorbuster.engine.errors import HarnessError, NotPossible, UsageError
from doorbuster.engine.faults import prepared, server_settings
from doorbuster.engine.holding import hold_shop
from doorbuster.engine.house import TEMPLATE
from doorbuster.engine.links import Links, open_links
from doorbuster.engine.live import watching
from doorbuster.engine.own_server import own_server
from doorbuster.engine.probe import probe
from doorbuster.engine.shop import Shop, open_shop, reconnected
from doorbuster.engine.stage import Stage
from doorbuster.engine.still_there import still_there
from doorbuster.engine.store import facts
from doorbuster.engine.timeline import Targets, Timeline, whole
from doorbuster.engine.undriven import leave_undriven
from doorbuster.engine.waits import sampled
from doorbuster.faults import Site
from doorbuster.host.clock import now_us
from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.model.clock import Clock
from doorbuster.model.contract import Contract
from doorbuster.model.distribution import Distribution
from doorbuster.model.events import Judging, Notice, Progress
from doorbuster.model.live import LiveState
from doorbuster.model.scenario import Scenario, Workload
from doorbuster.model.server import Server
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.settings import COUNTING
from doorbuster.record.clocks import save_clocks
from doorbuster.record.seal import seal_journals

# After the last arrival: every retry may run into its time limit once.
DRAIN_MARGIN_S = 5.0


async def run_load(stage: Stage) -> None:
    """Drive a scenario of kind ``load`` and leave its recorded tables in the stage's folder, ready to be judged.

    Where its faults break the server, it has one of its own.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    _check_spread(stage.options.spread, stage.contract, stage.scenario)
    settings = server_settings(stage.scenario)
    if settings is None:
        await _on_server(stage, stage.house.server, stage.house.template)
        return
    try:
        counting = COUNTING if stage.options.waits else {}
        async with own_server(stage.house, stage.contract, {**settings, **counting}) as server:
            await _on_server(stage, server, server.prefix + TEMPLATE)
            await still_there(server)
    except NotPossible as reason:
        leave_undriven(stage, str(reason))


def _check_spread(spread: Distribution, contract: Contract, scenario: Scenario) -> None:
    """Raises UsageError for what cannot be spread over processes, or cannot do without a proxy."""
    work = workload_of(scenario)
    if spread.is_spread and work.arrivals == BURST:
        raise UsageError(f"{scenario.name}: a burst is one instant at one product; it runs in one process")
    if spread.workers > work.buyers:
        raise UsageError(f"{scenario.name}: {work.buyers} buyers for {spread.workers} workers; give each at least one")
    if spread.direct and (scenario.faults or contract.place.http is not None):
        raise UsageError(f"{scenario.name}: only buyers who order by SQL, and without faults, can go around the proxy")


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
    async with open_shop(site.server, template, name, contract, items, live=stage.options.is_live) as shop:
        with facts(folder, stage.seed) as known:
            shop.follow_log(folder)
            try:
                house = stage.house
                async with open_links(
                    house.toxiproxy, house.guardian, shop.direct, contract, name, folder, stage.options.spread.bind
                ) as links:
                    targets = Targets(links.proxies, site, impossible=impossible)
                    await _drive(stage, shop, links, targets, journal, known)
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


async def _drive(
    stage: Stage, shop: Shop, links: Links, targets: Targets, journal: DrillJournal, known: dict[str, Any]
) -> None:
    """Run Locust and the timeline side by side; what became known on the way goes into ``known``."""
    house, scenario, folder, spread = stage.house, stage.scenario, stage.folder, stage.options.spread
    path = house.scratch / f"{shop.slot}.plan.json"
    plan = _spread_plan(stage, shop, links)
    write_plan(plan, path)
    listener = _Listener(stage, plan, known)
    try:
        port = free_port() if stage.options.web else None
        buyers = workload_of(scenario).buyers
        async with locust(path, buyers, folder, house.guardian, spread, web_port=port) as driver:
            if port is not None:
                stage.emit(Notice(f"Locust's page, while the load goes on: http://{LOOPBACK}:{port}"))
            targets = replace(targets, site=replace(targets.site, workers=lambda: driver.pids))
            timeline = Timeline(scenario.faults, targets, folder, journal, lambda: listener.fault(timeline.active))
            async with (
                timeline.armed(),
                watching(stage, shop, journal, known, listener, driver.stop),
                sampled(stage, shop, targets.site.server, known),
            ):
                await _side_by_side(driver, timeline, house.toxiproxy, listener, journal)
    except DriverFailed as problem:
        if str(problem).startswith((UnmatchedAnswer.__name__, "StatementFailed", "KeyError", "ValueError")):
            raise UsageError(f"[answers] or [place] of the contract: {problem}") from None
        raise HarnessError(f"the load could not be driven: {problem}") from None
    finally:
        path.unlink(missing_ok=True)
    if listener.lost:
        raise HarnessError("; ".join(listener.lost))


def _spread_plan(stage: Stage, shop: Shop, links: Links) -> Plan:
    """The plan, with addresses that hold where its workers are."""
    entrance = links.entrance
    if stage.options.spread.direct:
        entrance = replace(shop.direct, settings=entrance.settings)
    plan = load_plan(shop, entrance, stage.contract, stage.scenario, stage.seed, stage.folder)
    return plan if links.backstage is None else replace(plan, backstage=links.backstage)


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
        thresholds=tuple(t for t in scenario.thresholds if parse_threshold(t).abort_after_s is not None),
    )


class _Listener:
    """Turns what the driver reports into events, facts, and the histories of workers that died."""

    def __init__(self, stage: Stage, plan: Plan, known: dict[str, Any]) -> None:
        self._stage = stage
        self._plan = plan
        self._known = known
        self._latest = Progress(stage.scenario.name, 0, 0, {})
        self._has_waited = False
        self.lost: list[str] = []
        self.is_stopped = False

    def fault(self, active: str | None) -> None:
        self._latest = replace(self._latest, active_fault=active)
        self._stage.emit(self._latest)

    def live(self, state: LiveState) -> None:
        self._latest = replace(self._latest, live=state)
        self._stage.emit(self._latest)

    def stop(self) -> None:
        self.is_stopped = True

    def hear(self, event: dict[str, Any]) -> None:
        """Take up one of the driver's reports."""
        match event["event"]:
            case "waiting":
                self._wait(event)
            case "started":
                self._known["start_us"] = int(event["start_us"])
            case "progress":
                counts = {"done": event["done"], "total": event["total"], "outcomes": event["outcomes"]}
                self._latest = replace(self._latest, **counts)
                self._stage.emit(self._latest)
            case "aborted":
                self.stop()
                self._known["aborted_by"] = event["threshold"]
                self._stage.emit(Notice(f"the load was ended: {event['threshold']!r} is broken, {event['told']}"))
            case "lost":
                self._stage.emit(Notice(f"worker {event['worker']} is lost: {event['why']}"))
            case "workers":
                self._take_stock(event)

    def _wait(self, event: dict[str, Any]) -> None:
        spread = self._stage.options.spread
        if spread.guests and not self._has_waited:
            self._has_waited = True
            how = f"doorbuster load --worker --master-host {spread.bind} --master-port {spread.port}"
            self._stage.emit(Notice(f"waiting for {event['of']} workers; elsewhere: {how}"))

    def _take_stock(self, event: dict[str, Any]) -> None:
        """Keep the workers' clocks for the sealing of their journals, and count in what the dead left open."""
        folder, workers = self._stage.folder, event["workers"]
        self._known["workers"] = workers
        parts = {worker["number"]: event["series"] * SERIES + worker["number"] for worker in workers}
        clocks = {parts[w["number"]]: Clock(w["offset_us"], w["error_us"]) for w in workers}
        save_clocks(folder, {part: clock for part, clock in clocks.items() if clock != Clock()})
        for worker in workers:
            if worker["dead"] is not None and self._known["start_us"]:  # else no order was ever due
                self.lost.append(self._count_in(worker, parts[worker["number"]], len(workers)))

    def _count_in(self, worker: dict[str, Any], part: int, of: int) -> str:
        work = replace(self._plan.workload, buyers=max(1, worker["buyers"]))
        plan = replace(self._plan, part=part, share=(worker["number"], of), workload=work)
        # One that is merely silent may go on: then nothing of its share was surely never sent.
        ended_us = worker["ended_us"] or now_us()
        found = complete_history(plan, self._stage.folder, self._known["start_us"], ended_us)
        return (
            f"worker {worker['number'] + 1} of {of} was lost ({worker['dead']}): of its orders, {found.unknown:,} are "
            f"unknown and {found.never_sent:,} were never sent"
        )


async def _side_by_side(
    driver: Driver, timeline: Timeline, toxiproxy: ToxiproxyServer, listener: _Listener, journal: DrillJournal
) -> None:
    faults: asyncio.Task[None] | None = None
    watch = asyncio.create_task(_keep_alive(toxiproxy))
    try:
        async for event in _until_failure(driver, watch):
            listener.hear(event)
            if event["event"] == "started":
                start_us = int(event["start_us"])
                journal.write("load", "buyers are released", at_us=start_us)
                faults = asyncio.create_task(timeline.play(start_us))
            if listener.is_stopped and faults is not None:
                faults.cancel()  # heals what acts; what lies ahead is not played
        journal.write("load", "the last order has its answer")
        if faults is not None and not listener.is_stopped:
            await faults  # a fault that outlasts the orders is still played to its end, and healed
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
