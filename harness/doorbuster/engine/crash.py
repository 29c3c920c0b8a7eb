"""One crash scenario from shelves to result."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from statistics import median
from typing import Any

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive import backstage
from doorbuster.drive.backstage import StatementFailed, add_products
from doorbuster.drive.crash.at_statement import BETWEEN, BETWEEN_REQUESTS, CLEAN, Crashed, StatementCrash, crash_places
from doorbuster.drive.crash.points import Point, install, needed
from doorbuster.drive.crash.under_load import CrashLoad, Kill
from doorbuster.drive.history import History
from doorbuster.drive.workload import shelf_item
from doorbuster.engine.aftermath import LOST, SAME, Aftermath, aftermath
from doorbuster.engine.cut import carts, lengthen_ids
from doorbuster.engine.errors import HarnessError, NotPossible, UsageError
from doorbuster.engine.house import TEMPLATE, House
from doorbuster.engine.links import open_entrance
from doorbuster.engine.own_server import own_server
from doorbuster.engine.plenty import plenty
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.still_there import still_there
from doorbuster.engine.store import facts
from doorbuster.engine.undriven import leave_undriven
from doorbuster.host.clock import now_us
from doorbuster.model.contract import Contract
from doorbuster.model.crash import GENTLE, Crash
from doorbuster.model.events import Judging, Progress
from doorbuster.model.server import Server
from doorbuster.record.seal import seal_journals

PRODUCTS = 40
ROWS, ROWS_A_KILL = 200, 60  # of a product, where each unit is a row: more than buyers can take


async def run_crash(stage: Stage) -> None:
    """Drive a scenario of kind ``crash`` and leave its recorded tables in the stage's folder, ready to be judged.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    crash = stage.scenario.crash or Crash()
    try:
        async with server_for(stage.house, stage.contract, crash) as server:
            await (_under_load if crash.at == "load" else _at_statements)(stage, crash, server)
    except NotPossible as reason:
        leave_undriven(stage, str(reason))


@asynccontextmanager
async def server_for(house: House, contract: Contract, crash: Crash) -> AsyncIterator[Server]:
    """A server with the contract deployed that nobody else needs; the house's own, where none of it is to be killed.

    Raises:
        NotPossible: the house's server is not one that we may kill.
    """
    if not house.server.capabilities.can_crash:
        if crash.at == "load" or crash.settings or not set(crash.kinds) <= set(GENTLE):
            raise NotPossible(house.server.capabilities.lacks)
        yield house.server
        return
    async with own_server(house, contract, crash.settings) as server:
        yield server


async def _under_load(stage: Stage, crash: Crash, server: Server) -> None:
    contract, folder = stage.contract, stage.folder
    units = plenty(contract, ROWS + ROWS_A_KILL * crash.kills)
    items = [shelf_item(contract, n, units) for n in range(1, PRODUCTS + 1)]
    started = time.monotonic()
    opened = open_shop(server, server.prefix + TEMPLATE, _name(stage), contract, items)
    async with opened as shop, AsyncExitStack() as stack:
        with facts(folder, stage.seed) as known, History(folder) as history:
            # What the harness itself put there must survive also on a server that may lose what it said it had stored.
            await shop.connection.execute("checkpoint")
            shop.follow_log(folder)
            known["start_us"] = now_us()
            recovery_s = stage.scenario.recovery_s
            stock = next(t.printed for t in shop.tables if t.name == contract.stock[0].table)
            entrance = await stack.enter_async_context(
                open_entrance(stage.house.guardian, shop.direct, contract, folder)
            )
            load = CrashLoad(
                contract, crash, server, shop.direct, entrance, items, history, recovery_s, stage.seed, stock
            )

            def on_kill(kill: Kill) -> None:
                stage.emit(Progress(stage.scenario.name, kill.number, crash.kills, dict(load.outcomes), kill.kind))

            try:
                await load.run(on_kill)
                # Whoever killed it besides us made the buyers' trouble: that says nothing of the shop.
                await still_there(server)
                known["findings"] = [_unfinished(k, stage) for k in load.kills if k.first_order_ms is None]
            except* (UnmatchedAnswer, StatementFailed, KeyError, ValueError) as problems:
                raise UsageError(f"[answers] or [place] of the contract: {problems.exceptions[0]}") from None
            finally:
                history.close()
                await stack.aclose()
                found = await _read(stage, shop, server, known, checks=False)
                known["crashes"] = _load_story(load, found)
                known["duration_s"] = time.monotonic() - started


async def _at_statements(stage: Stage, crash: Crash, server: Server) -> None:
    contract, folder = stage.contract, stage.folder
    started = time.monotonic()
    clean = carts(contract, crash.lines, 0, 2)
    first = [i for cart in clean for i in cart]
    opened = open_shop(server, server.prefix + TEMPLATE, _name(stage), contract, first)
    async with opened as shop, AsyncExitStack() as stack:
        with facts(folder, stage.seed) as known, History(folder) as history:
            known["start_us"] = now_us()
            await lengthen_ids(shop.connection)  # before the points bring sequences of their own, which count
            points = await install(shop.connection, shop.tables)
            entrance = await stack.enter_async_context(
                open_entrance(stage.house.guardian, shop.direct, contract, folder)
            )
            driver = StatementCrash(contract, server, shop.direct, entrance, points, history, stage.seed)
            done: list[Crashed] = []
            reached: dict[int, int] = {}
            began = time.monotonic()
            try:
                reached = await driver.rehearse(clean[0])
                await driver.listen(clean[1])
                reached = needed(points, reached, single_call=len(contract.place.call_names) == 1)
                is_http = contract.place.http is not None
                between = BETWEEN_REQUESTS if is_http else BETWEEN
                places = crash_places(crash, reached, tuple(driver.gaps.values()), between)
                items = carts(contract, crash.lines, len(clean), len(places))
                await add_products(shop.connection, contract, [i for cart in items for i in cart])
                began = time.monotonic()

                def on_done(one: Crashed) -> None:
                    done.append(one)
                    outcomes = dict(driver.outcomes)
                    stage.emit(Progress(stage.scenario.name, len(done), len(places), outcomes, one.place.kind))

                # What happens in a shop's session happens in whichever comes there: so one order after the other.
                await driver.run(places, items, 1 if is_http else crash.parallel, on_done)
                if shop.connection.is_closed() and all(place.kind in GENTLE for place in places):
                    raise HarnessError(
                        "the server broke off all sessions, which no place of this scenario does: something else "
                        "killed one of its processes (was the machine out of memory?)"
                    )
            except* (UnmatchedAnswer, StatementFailed, KeyError, ValueError) as problems:
                raise UsageError(f"[answers] or [place] of the contract: {problems.exceptions[0]}") from None
            finally:
                spent_s = time.monotonic() - began
                driver.close()
                history.close()
                await stack.aclose()
                found = await _read(stage, shop, server, known, checks=True)
                every = (*points, *driver.gaps.values())
                known["crashes"] = _statement_story(crash, every, reached, done, spent_s, found)
                known["duration_s"] = time.monotonic() - started


def _statement_story(
    crash: Crash, points: Sequence[Point], reached: Mapping[int, int], done: Sequence[Crashed], spent_s: float,
    found: Aftermath,
) -> dict[str, Any]:  # fmt: skip
    words = {point.number: point.words for point in points}
    rows = [_row(one, words.get(one.place.point, "no such point"), found) for one in sorted(done, key=_order)]
    lost = [row for row in rows if row["happened"] == LOST]
    between = [point.number for point in points if point.gap_at_byte is not None]
    return {
        "at": "statement",
        "lines": crash.lines,
        "points": len(reached) + len(between),
        "places": len(rows),
        "crashes_per_s": round(len(rows) / spent_s, 1),
        "not_reached": sum(not one.fired for one in done),
        "ambiguous": len(lost),
        "same_order_on_retry": sum(row["retry"].endswith(SAME) for row in lost),
        "half_done": sum(row["happened"].startswith("half done") for row in rows),
        "violated": sum(bool(row["violated"]) for row in rows),
        "down_most_ms": max((round(one.down_ms, 1) for one in done if one.down_ms is not None), default=None),
        "function": [
            {"point": number, "statement": words[number], "times_reached": times, **_marks(number, done, found)}
            for number, times in sorted({**reached, **dict.fromkeys(between, 1)}.items())
        ],
        "strip": rows,
    }


def _order(one: Crashed) -> tuple[str, int, int]:
    return one.place.kind, one.place.point, one.place.hit


def _row(one: Crashed, words: str, found: Aftermath) -> dict[str, Any]:
    told = found.told(one.met)
    if not one.fired:
        told["happened"] = "not reached"
    return {"place": one.place.name, "where": words, **told}


def _marks(number: int, done: Sequence[Crashed], found: Aftermath) -> dict[str, str]:
    """For one statement, a mark for each kind of crash: what happened there, the worst of several times."""
    marks: dict[str, str] = {}
    for one in done:
        if one.place.point == number:
            told = found.told(one.met)
            mark = "violated" if told["violated"] else told["happened"] if one.fired else "not reached"
            marks[one.place.kind] = max(mark, marks.get(one.place.kind, ""), key=_MARKS.index)
    return marks


# From the least to the worst that can have happened to an order.
_MARKS = [
    "", "not reached", "nothing happened", "committed, answered", "taken back, answered no", "taken back, not answered",
    LOST, "committed, answered no", "half done, not answered", "half done, answered no", "violated",
]  # fmt: skip


async def _read(stage: Stage, shop: Shop, server: Server, known: dict[str, Any], *, checks: bool) -> Aftermath:
    """Read the log over a new connection, as a crash has ended the old one."""
    stage.emit(Judging(stage.scenario.name))
    shop.connection.terminate()
    try:
        connection = await backstage.connect(shop.direct)
    except OSError:  # broken off in the middle of a crash
        await asyncio.to_thread(server.restart)
        connection = await backstage.connect(shop.direct)
    try:
        known["unobservable"] = await replace(shop, connection=connection).close_and_read(stage.folder)
    finally:
        connection.terminate()
    seal_journals(stage.folder)
    return Aftermath() if known["unobservable"] else aftermath(stage.folder, stage.contract, CLEAN, checks=checks)


def _load_story(load: CrashLoad, found: Aftermath) -> dict[str, Any]:
    aimed = [found.told(met) for met in load.aimed]
    lost = [row for row in aimed if row["happened"] == LOST]
    down = [kill.down_ms for kill in load.kills if kill.down_ms is not None]
    first = [kill.first_order_ms for kill in load.kills if kill.first_order_ms is not None]
    return {
        "at": "load",
        "kills": len(load.kills),
        "down_median_ms": round(median(down), 1) if down else None,
        "down_most_ms": round(max(down), 1) if down else None,
        "first_order_most_ms": round(max(first), 1) if first else None,
        "aimed": len(aimed),
        "ambiguous": len(lost),
        "same_order_on_retry": sum(row["retry"].endswith(SAME) for row in lost),
        "every_kill": [
            {
                "kill": k.number, "kind": k.kind, "aimed at": "a committed order" if k.aimed else "",
                "down_ms": k.down_ms and round(k.down_ms, 1),
                "first_order_ms": k.first_order_ms and round(k.first_order_ms, 1), "answers_lost": k.unanswered,
            }
            for k in load.kills
        ],
    }  # fmt: skip


def _unfinished(kill: Kill, stage: Stage) -> dict[str, Any]:
    problem = f"no order of a stocked product succeeded within {stage.scenario.recovery_s:g} s of the server's return"
    return {"check": "unfinished", "problem": problem, "story": [f"kill {kill.number}"]}


def _name(stage: Stage) -> str:
    return "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
