"""Drives the cuts: each place with an order and a connection of its own, and a retry over a whole network."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from uuid import UUID

import asyncpg

from doorbuster.drive import backstage
from doorbuster.drive.backoff import pause_s
from doorbuster.drive.backstage import Backstage
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.cut.places import Place
from doorbuster.drive.history import History, Met
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import Contract
from doorbuster.model.order import Line, Order
from doorbuster.network.cut_line import CutLine
from doorbuster.network.http_wire import parse_http
from doorbuster.network.relay import HOST, Hold, Relay, relay
from doorbuster.network.wire import Conversation, parse_conversation

CLEAN = "clean"
OUTLAST_S = 0.2  # how much longer a stall lasts than the buyer's patience
GONE_S = 10.0


@dataclass(frozen=True, slots=True)
class Cutters:
    """A worker's proxies: ``resetting`` is armed so that each end of a connection through it is a reset.

    ``behind`` where they stand behind a shop, between it and its database.
    """

    closing: CutLine
    resetting: CutLine
    behind: "Behind | None" = None


@dataclass(frozen=True, slots=True)
class Behind:
    """Where buyers find the two shops whose conversation with the database goes through a worker's proxies.

    ``line`` is between the closing proxy and the database; ``warm`` a cart that never runs out.
    """

    closing: Target
    resetting: Target
    line: Relay
    warm: tuple[ShelfItem, ...]


@dataclass(frozen=True, slots=True)
class CutDone:
    """A place, and the order that met it."""

    place: Place
    met: Met


class CutDriver:
    """Places orders of a contract in the database ``plain``. Buyers go to ``direct``, around every fault."""

    def __init__(self, contract: Contract, plain: Target, direct: Target, history: History, seed: int) -> None:
        self._contract = contract
        self._direct = direct
        self._plain = plain
        self._history = history
        self._random = Random(seed)
        self._jitter = Random(seed)  # of its own: pauses must not change which orders a seed gives
        self._make = buyers_of(contract)
        self._backstage = Backstage(contract, plain)
        self.outcomes: Counter[str] = Counter()

    def close(self) -> None:
        """Drop the connections."""
        self._backstage.close()

    async def rehearse(self, carts: Sequence[Sequence[ShelfItem]]) -> tuple[Conversation, Conversation]:
        """Place two clean orders through a recording relay: over a warmed connection, and start-up included.

        The first order in a database is not the one to measure: another one before them is placed directly.
        """
        first = self._buyer(self._direct)
        await self._clean(first, carts[0])
        first.close()
        return await self._recorded(carts[1], start_up=False), await self._recorded(carts[2], start_up=True)

    async def _recorded(self, cart: Sequence[ShelfItem], *, start_up: bool) -> Conversation:
        async with relay(self._direct.host, self._direct.port) as line:
            buyer = self._buyer(replace(self._direct, host=HOST, port=line.port))
            try:
                if not start_up:
                    await buyer.connect()
                    line.forget()
                await self._clean(buyer, cart)
                if self._contract.place.http is not None:
                    return parse_http(bytes(line.up), bytes(line.down))
                return parse_conversation(bytes(line.up), bytes(line.down), start_up=start_up)
            finally:
                buyer.close()

    async def rehearse_behind(self, carts: Sequence[Sequence[ShelfItem]], behind: Behind) -> Conversation:
        """Place clean orders at the closing shop; what the last one had it say to the database."""
        buyer = self._buyer(behind.closing)
        try:
            for cart in carts:
                behind.line.forget()
                await self._clean(buyer, cart)
            return parse_conversation(bytes(behind.line.up), bytes(behind.line.down), start_up=False)
        finally:
            buyer.close()

    async def _clean(self, buyer: Buyer, cart: Sequence[ShelfItem]) -> None:
        order = self._order(cart)
        number = self._history.request(order, CLEAN)
        await self._backstage.prepare(order)
        await self._history.attempt(buyer, order, number, 1, CLEAN)

    async def run(
        self,
        places: Iterable[Place],
        carts: Iterable[Sequence[ShelfItem]],
        cutters: Sequence[Cutters],
        on_done: Callable[[CutDone], None],
    ) -> None:
        """Cut at every place, each with a cart of its own, as many at once as there are ``cutters``."""
        work = iter(list(zip(places, carts, strict=False)))
        async with asyncio.TaskGroup() as group:
            for number, cutter in enumerate(cutters):
                group.create_task(self._work(number, cutter, work, on_done))

    async def _work(
        self,
        worker: int,
        cutters: Cutters,
        work: Iterable[tuple[Place, Sequence[ShelfItem]]],
        on_done: Callable[[CutDone], None],
    ) -> None:
        again = self._buyer(cutters.behind.closing if cutters.behind else self._direct)
        watch = await backstage.connect(self._plain)
        try:
            await again.connect()
            for place, cart in work:
                on_done(await self._cut(worker, place, cart, cutters, again, watch))
        finally:
            again.close()
            watch.terminate()
            cutters.closing.close()
            cutters.resetting.close()

    async def _cut(
        self,
        worker: int,
        place: Place,
        cart: Sequence[ShelfItem],
        cutters: Cutters,
        again: Buyer,
        watch: asyncpg.Connection,
    ) -> CutDone:
        order, phase = self._order(cart), f"{place.kind} {place.direction}"
        number = self._history.request(order, phase)
        await self._backstage.prepare(order)
        async with self._broken(place, cutters) as buyer:
            first = await self._history.attempt(buyer, order, number, 1, phase, worker)
            if place.kind == "stall":
                # The rest is still on its way: this retry meets its own first try.
                retry = await self._retry(again, order, number, first, phase, worker)
        self.outcomes[first.outcome] += 1
        if first.backend_pid is not None:
            await _gone(watch, first.backend_pid)
        if place.kind != "stall":
            retry = await self._retry(again, order, number, first, phase, worker)
        return CutDone(place, Met(order.order_key, first, retry))

    async def _retry(
        self, buyer: Buyer, order: Order, number: int, end: AttemptEnd, phase: str, worker: int
    ) -> AttemptEnd | None:
        """What the shop's client does after ``end``, over a whole network; the last answer, None without a retry."""
        rules, last = self._contract.buyer, None
        for try_no in range(2, rules.attempts + 1):
            if end.outcome not in rules.retry:
                break
            if try_no > 2:
                await asyncio.sleep(pause_s(try_no - 1, self._jitter))
            end = last = await self._history.attempt(buyer, order, number, try_no, phase, worker)
            self.outcomes[end.outcome] += 1
        return last

    @asynccontextmanager
    async def _broken(self, place: Place, cutters: Cutters) -> AsyncIterator[Buyer]:
        """A buyer whose next attempt is cut at ``place``; whatever he opens afterwards is whole."""
        if cutters.behind is not None:
            async with self._broken_behind(place, cutters, cutters.behind) as buyer:
                yield buyer
            return
        if place.kind == "stall":
            async with relay(self._direct.host, self._direct.port) as line:
                buyer = await self._ready(HOST, line.port, place)
                line.hold(Hold(place.direction, place.at_byte, self._contract.buyer.timeout_s + OUTLAST_S))
                try:
                    yield buyer
                finally:
                    buyer.close()
                    await line.drained()
            return
        line_ = cutters.resetting if place.kind == "reset" else cutters.closing
        buyer = await self._ready(line_.proxy.host, line_.proxy.port, place)
        try:
            await line_.arm(place.direction, place.at_byte, silently=place.kind == "blackhole")
            yield buyer
        finally:
            buyer.close()
            await line_.disarm()

    @asynccontextmanager
    async def _broken_behind(self, place: Place, cutters: Cutters, behind: Behind) -> AsyncIterator[Buyer]:
        """A buyer of a shop whose connection to the database is cut at ``place`` of its next conversation.

        An order just before it: the shop's connection is warm then, and the one that it takes next.
        """
        cutter = cutters.resetting if place.kind == "reset" else cutters.closing
        buyer = self._buyer(behind.resetting if place.kind == "reset" else behind.closing)
        hold = Hold(place.direction, place.at_byte, self._contract.buyer.timeout_s + OUTLAST_S)
        try:
            await self._clean(buyer, behind.warm)
            if place.kind == "stall":
                behind.line.hold(hold)
            else:
                await cutter.arm(place.direction, place.at_byte, silently=place.kind == "blackhole")
            yield buyer
        finally:
            buyer.close()
            await cutter.disarm()
            await behind.line.let_go(hold)

    async def _ready(self, host: str, port: int, place: Place) -> Buyer:
        buyer = self._buyer(replace(self._direct, host=host, port=port))
        if not place.from_start_up:
            await buyer.connect()
            buyer.reconnect_at(self._direct)
        return buyer

    def _buyer(self, target: Target) -> Buyer:
        return self._make.at(target)

    def _order(self, cart: Sequence[ShelfItem]) -> Order:
        lines = tuple(Line(item.product, 1, item.price) for item in cart)
        total = sum((Decimal(line.price) for line in lines), Decimal(0))
        return Order(self._uuid(), self._uuid(), lines, str(total))

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


async def _gone(watch: asyncpg.Connection, pid: int) -> None:
    """Wait until the server's process ``pid`` has ended: till then it may still commit.

    Raises:
        TimeoutError: it lives on.
    """
    async with asyncio.timeout(GONE_S):
        while await watch.fetchval("select count(*) from pg_stat_get_activity($1)", pid):
            await asyncio.sleep(0.001)
