"""One cut scenario from shelves to result."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import asyncpg

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import StatementFailed, add_products
from doorbuster.drive.cut.driver import CLEAN, Behind, CutDone, CutDriver, Cutters
from doorbuster.drive.cut.places import Place, places
from doorbuster.drive.history import History
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.workload import ShelfItem, shelf_item
from doorbuster.engine.aftermath import LOST, SAME, Aftermath, aftermath
from doorbuster.engine.errors import UsageError
from doorbuster.engine.house import House
from doorbuster.engine.links import open_entrance, shop_on
from doorbuster.engine.plenty import plenty
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.host.clock import now_us
from doorbuster.model.contract import Contract
from doorbuster.model.cut import Cut
from doorbuster.model.events import Judging, Progress
from doorbuster.network.cut_line import CutLine
from doorbuster.network.faults.reset import Reset
from doorbuster.network.relay import HOST, relay
from doorbuster.network.wire import Conversation
from doorbuster.record.seal import seal_journals

FIRST_PRODUCT = 100_001  # as many digits as the last: a conversation's length must not depend on the place
FIRST_ID = 10_000
PRICE = "10.50"
UNITS = 10
CLEAN_CARTS = 3
WARM_CART = 100_000  # beyond all others
WARM_ROWS = 20_000  # more than there are places
PROGRESS_S = 0.2
SILENCE = Conversation((), ())


@dataclass(slots=True)
class _Seen:
    """The clean conversations, over a warmed connection and start-up included, and how long the cuts took."""

    warmed: Conversation = SILENCE
    cold: Conversation = SILENCE
    duration_s: float = 0.0


async def run_cut(stage: Stage) -> None:
    """Drive a scenario of kind ``cut`` and leave its recorded tables in the stage's folder, ready to be judged.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; ToxiproxyError: the harness failed.
    """
    house, contract, folder = stage.house, stage.contract, stage.folder
    cut = stage.scenario.cut or Cut()
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    started = time.monotonic()
    clean = carts(contract, cut.lines, 0, CLEAN_CARTS)
    async with open_shop(house.server, house.template, name, contract, [i for cart in clean for i in cart]) as shop:
        with facts(folder, stage.seed) as known:
            done: list[CutDone] = []
            seen = _Seen()
            try:
                known["start_us"] = now_us()
                with History(folder) as history:
                    await _drive(stage, cut, shop, history, clean, done, seen)
            except (UnmatchedAnswer, StatementFailed, KeyError, ValueError) as problem:
                raise UsageError(f"[answers] or [place] of the contract: {problem}") from None
            finally:
                stage.emit(Judging(stage.scenario.name))
                known["unobservable"] = await shop.close_and_read(folder)
                seal_journals(folder)
                found = Aftermath() if known["unobservable"] else aftermath(folder, contract, CLEAN)
                known["cuts"] = _story(contract, cut, done, seen, found)
                known["duration_s"] = time.monotonic() - started


async def _drive(
    stage: Stage,
    cut: Cut,
    shop: Shop,
    history: History,
    clean: Sequence[Sequence[ShelfItem]],
    done: list[CutDone],
    seen: _Seen,
) -> None:
    await lengthen_ids(shop.connection)
    house, contract = stage.house, stage.contract
    async with AsyncExitStack() as stack:
        if cut.link == "database" and contract.place.http is not None:
            pair = await stack.enter_async_context(_behind(stage, shop, cut))
            assert pair.behind is not None
            driver = CutDriver(contract, shop.direct, pair.behind.closing, history, stage.seed)
            stack.callback(driver.close)
            seen.warmed = await driver.rehearse_behind(clean, pair.behind)
            await _cut(stage, cut, shop, driver, [pair], done, seen)
            return
        entrance = await stack.enter_async_context(open_entrance(house.guardian, shop.direct, contract, stage.folder))
        driver = CutDriver(contract, shop.direct, entrance, history, stage.seed)
        stack.callback(driver.close)
        seen.warmed, seen.cold = await driver.rehearse(clean)
        number = min(cut.parallel, len(_places(contract, cut, seen)))
        cutters = await stack.enter_async_context(_cutters(house, entrance, number))
        await _cut(stage, cut, shop, driver, cutters, done, seen)


def _places(contract: Contract, cut: Cut, seen: _Seen) -> tuple[Place, ...]:
    # Opening a connection says nothing over HTTP, so there is nothing to cut in it.
    return places(cut, seen.warmed, None if contract.place.http is not None else seen.cold)


async def _cut(
    stage: Stage, cut: Cut, shop: Shop, driver: CutDriver, cutters: Sequence[Cutters], done: list[CutDone], seen: _Seen
) -> None:
    wanted = _places(stage.contract, cut, seen)
    items = carts(stage.contract, cut.lines, CLEAN_CARTS, len(wanted))
    await add_products(shop.connection, stage.contract, [i for cart in items for i in cart])
    reporter = asyncio.create_task(_report(stage, driver, done, len(wanted)))
    began = time.monotonic()
    try:
        await driver.run(wanted, items, cutters, done.append)
    finally:
        reporter.cancel()
    seen.duration_s = time.monotonic() - began


async def _report(stage: Stage, driver: CutDriver, done: list[CutDone], total: int) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        stage.emit(Progress(stage.scenario.name, len(done), total, dict(driver.outcomes)))


def carts(contract: Contract, lines: int, first: int, number: int) -> list[tuple[ShelfItem, ...]]:
    """``number`` carts of products that nobody else wants, all of one price."""
    numbers = range(FIRST_PRODUCT + first * lines, FIRST_PRODUCT + (first + number) * lines)
    items = [replace(shelf_item(contract, n, UNITS), price=PRICE) for n in numbers]
    return [tuple(items[n : n + lines]) for n in range(0, len(items), lines)]


_SEQUENCES = """
select c.oid::regclass::text
from pg_sequence s join pg_class c on c.oid = s.seqrelid
where s.seqincrement = 1 and s.seqmax > 10 * $1::bigint and coalesce(pg_sequence_last_value(c.oid), 0) < $1::bigint
"""


async def lengthen_ids(connection: asyncpg.Connection) -> None:
    """Let the shop look as if it had sold for a while: an order's number has as many digits as the next one's."""
    for row in await connection.fetch(_SEQUENCES, FIRST_ID):
        await connection.execute("select setval($1::regclass, $2)", row[0], FIRST_ID)


@asynccontextmanager
async def _behind(stage: Stage, shop: Shop, cut: Cut) -> AsyncIterator[Cutters]:
    """A pair of proxies to the database, and a shop on each; what the first one says can be heard and held back."""
    units = plenty(stage.contract, WARM_ROWS)
    warm = tuple(replace(i, units=units) for i in carts(stage.contract, cut.lines, WARM_CART, 1)[0])
    await add_products(shop.connection, stage.contract, warm)
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(relay(shop.direct.host, shop.direct.port))
        heard = replace(shop.direct, host=HOST, port=line.port)
        (pair,) = await stack.enter_async_context(_cutters(stage.house, heard, 1))
        ends: list[Target] = []
        for cutter in (pair.closing, pair.resetting):
            database = replace(shop.direct, host=cutter.proxy.host, port=cutter.proxy.port)
            started = shop_on(stage.contract, database, stage.house.guardian, stage.folder)
            found = await stack.enter_async_context(started)
            ends.append(replace(shop.direct, host=found.host, port=found.port))
        yield replace(pair, behind=Behind(ends[0], ends[1], line, warm))


@asynccontextmanager
async def _cutters(house: House, direct: Target, number: int) -> AsyncIterator[list[Cutters]]:
    """``number`` pairs of proxies."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(lambda: [_pair(house, direct, n, stack) for n in range(number)])
        await asyncio.to_thread(stack.close)


def _pair(house: House, direct: Target, number: int, stack: ExitStack) -> Cutters:
    upstream = f"{direct.host}:{direct.port}"
    closing, resetting = (
        stack.enter_context(house.toxiproxy.proxy(f"{direct.database}_{end}_{number}", upstream))
        for end in ("close", "reset")
    )
    stack.enter_context(Reset().armed(resetting))
    return Cutters(CutLine(house.toxiproxy.api, closing), CutLine(house.toxiproxy.api, resetting))


def _messages(contract: Contract, conversation: Conversation) -> list[dict[str, Any]]:
    calls = contract.place.call_names
    return [
        {
            "direction": m.direction, "call": calls[m.exchange] if m.exchange < len(calls) else "", "message": m.name,
            "first_byte": m.first, "bytes": m.size_bytes,
        }
        for m in (*conversation.up, *conversation.down)
    ]  # fmt: skip


def _story(
    contract: Contract, cut: Cut, done: Sequence[CutDone], seen: _Seen, found: Aftermath
) -> dict[str, Any]:
    """The counts, and the strip: neighbouring places to which the same happened are one row."""
    rows = [_row(one, seen.cold if one.place.from_start_up else seen.warmed, found) for one in _in_order(done)]
    lost = [row for row in rows if row["happened"] == LOST]
    return {
        "step": cut.step,
        "lines": cut.lines,
        "link": cut.link,
        "up": seen.warmed.length("up"),
        "down": seen.warmed.length("down"),
        "start_up_up": seen.cold.length("up"),
        "start_up_down": seen.cold.length("down"),
        "places": len(rows),
        "cuts_per_s": round(len(rows) / seen.duration_s, 1) if seen.duration_s else None,
        "ambiguous": len(lost),
        "same_order_on_retry": sum(row["retry"].endswith(SAME) for row in lost),
        "half_done": sum(row["happened"].startswith("half done") for row in rows),
        "violated": sum(bool(row["violated"]) for row in rows),
        "conversation": _messages(contract, seen.warmed),
        "strip": [_stretch(list(group)) for _, group in groupby(rows, key=_sameness)],
    }


def _in_order(done: Sequence[CutDone]) -> list[CutDone]:
    return sorted(done, key=lambda d: (d.place.from_start_up, d.place.kind, d.place.direction != "up", d.place.at_byte))


def _row(one: CutDone, conversation: Conversation, found: Aftermath) -> dict[str, Any]:
    place = one.place
    return {
        "cut": place.name.rsplit(" ", 1)[0],
        "at": place.at_byte,
        "where": conversation.at(place.direction, place.at_byte),
        **found.told(one.met),
    }


def _sameness(row: dict[str, Any]) -> tuple[Any, ...]:
    """Whether the end of a line reads as a close or a reset is the client's luck, and makes no difference."""
    answer = row["answer"].split(" ")[0]
    return (answer, *(row[key] for key in ("cut", "where", "happened", "retry", "violated")))


def _stretch(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = rows[0], rows[-1]
    return {
        "cut": first["cut"],
        "from_byte": first["at"],
        "to_byte": last["at"],
        "places": len(rows),
        "where": first["where"],
        "happened": first["happened"],
        "answer": " or ".join(sorted({row["answer"] for row in rows})),
        "retry": first["retry"],
        "violated": first["violated"],
    }
