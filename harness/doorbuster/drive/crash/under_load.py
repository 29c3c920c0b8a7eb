"""Buyers who order without a pause while the whole server is killed and recovers, again and again."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

import asyncpg

from doorbuster.config.answers import AnswerBook
from doorbuster.drive.backstage import Backstage, StatementFailed
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.history import History, Met
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.drive.workload import ShelfItem, random_order
from doorbuster.model.contract import Contract
from doorbuster.model.crash import Crash
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Workload
from doorbuster.model.server import Server
from doorbuster.network.relay import HOST, Hold, relay

LOAD = "kill_server"
AIMED = "aimed"
FIRST = asyncio.FIRST_COMPLETED
PAUSE_S = 0.02
AIM_S = 2.0
LATE_S = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill of the whole server: how long it was down, and from then to the first good order (None: too long)."""

    number: int
    aimed: bool
    down_ms: float
    first_order_ms: float | None
    unanswered: int


class CrashLoad:
    """``server`` is killed and restarted; ``target`` is the shop's database on it."""

    def __init__(
        self, contract: Contract, crash: Crash, server: Server, target: Target, items: Sequence[ShelfItem],
        history: History, recovery_s: float, seed: int,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._crash = crash
        self._server = server
        self._target = replace(target, settings=dict(contract.session))
        self._items = items
        self._history = history
        self._recovery_s = recovery_s
        self._random = Random(seed)
        self._flow, self._book = compile_flow(contract.place), AnswerBook(contract.answers)
        self._backstage = Backstage(contract, target)
        self._up = asyncio.Event()
        self._stopping = False
        self._unanswered: tuple[Order, int, AttemptEnd] | None = None
        self._good_order = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        self.kills: list[Kill] = []
        self.aimed: list[Met] = []
        self._broken_us, self._broken = 0, 0.0

    async def run(self, on_kill: Callable[[Kill], None]) -> None:
        """Kill as often as wished, or until it does not recover; ends when no buyer has an attempt left to make.

        Raises:
            ServerError: the server does not come back.
        """
        self._up.set()
        async with asyncio.TaskGroup() as group:
            for number in range(self._crash.buyers):
                group.create_task(self._shop(number))
            try:
                for number in range(1, self._crash.kills + 1):
                    await asyncio.sleep(self._random.uniform(0.02, self._crash.calm_s))
                    await self._kill(number)
                    on_kill(self.kills[-1])
                    if self.kills[-1].first_order_ms is None:
                        break
            finally:
                self._stopping = True
                self._backstage.close()

    async def _kill(self, number: int) -> None:
        aimed = self._crash.aimed > 0 and number % self._crash.aimed == 0
        before = self.outcomes[Outcome.UNKNOWN]
        await (self._break_unanswered() if aimed else self._break())
        await _whole(self._server.restart)
        up_us, up = time.time_ns() // 1000, time.monotonic()
        self._good_order.clear()
        self._up.set()
        await self._retry_unanswered()
        self._history.window(LOAD, LOAD, self._broken_us, up_us)
        first_ms = None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._good_order.wait(), self._recovery_s - (time.monotonic() - up))
            first_ms = (time.monotonic() - up) * 1000
        unanswered = self.outcomes[Outcome.UNKNOWN] - before
        self.kills.append(Kill(number, aimed, (up - self._broken) * 1000, first_ms, unanswered))

    async def _break(self) -> None:
        self._broken_us, self._broken = time.time_ns() // 1000, time.monotonic()
        # Buyers are told nothing: they go on, and are in the middle of an order when it happens.
        await _whole(self._server.kill)
        self._up.clear()
        self._backstage.close()

    async def _break_unanswered(self) -> None:
        """One more order, whose answer is held back behind the server; the kill comes while it waits."""
        async with relay(self._target.host, self._target.port) as line:
            buyer = self._buyer(replace(self._target, host=HOST, port=line.port))
            hold = Hold("down", 0, LATE_S)
            try:
                await buyer.connect()
                line.hold(hold)
                order = self._order()
                number = self._history.request(order, AIMED)
                await self._backstage.prepare(order)
                first = asyncio.create_task(self._history.attempt(buyer, order, number, 1, AIMED))
                await asyncio.wait({asyncio.ensure_future(hold.held.wait()), first}, timeout=AIM_S, return_when=FIRST)
                await self._break()
                await line.close()
                self._unanswered = (order, number, await first)
            finally:
                buyer.close()

    async def _retry_unanswered(self) -> None:
        if self._unanswered is not None:
            (order, number, end), self._unanswered = self._unanswered, None
            buyer = self._buyer(self._target)
            try:
                retry = await self._retries(buyer, order, number, end, 0, AIMED)
            finally:
                buyer.close()
            self.aimed.append(Met(order.order_key, end, retry))

    async def _shop(self, buyer_no: int) -> None:
        buyer = self._buyer(self._target)
        try:
            while not self._stopping:
                await self._up.wait()
                order = self._order()
                if not await self._prepared(order):
                    continue
                number = self._history.request(order, LOAD)
                end = await self._attempt(buyer, order, number, 1, buyer_no, LOAD)
                await self._retries(buyer, order, number, end, buyer_no, LOAD)
        finally:
            buyer.close()

    async def _prepared(self, order: Order) -> bool:
        """Whether the order's cart is filled; it is not where the server was killed meanwhile."""
        try:
            await self._backstage.prepare(order)
        except (OSError, StatementFailed, asyncpg.PostgresError, asyncpg.InterfaceError):
            if self._up.is_set():
                raise
            return False
        return True

    async def _retries(
        self, buyer: SqlBuyer, order: Order, number: int, end: AttemptEnd, buyer_no: int, phase: str
    ) -> AttemptEnd | None:
        rules, last = self._contract.buyer, None
        for try_no in range(2, rules.attempts + 1):
            if end.outcome not in rules.retry:
                break
            await asyncio.sleep(PAUSE_S)
            await self._up.wait()
            end = last = await self._attempt(buyer, order, number, try_no, buyer_no, phase)
        return last

    async def _attempt(
        self, buyer: SqlBuyer, order: Order, number: int, try_no: int, buyer_no: int, phase: str
    ) -> AttemptEnd:
        end = await self._history.attempt(buyer, order, number, try_no, phase, buyer_no)
        self.outcomes[end.outcome] += 1
        if end.outcome is Outcome.OK and self._up.is_set():
            self._good_order.set()
        return end

    def _buyer(self, target: Target) -> SqlBuyer:
        return SqlBuyer(target, self._flow, self._book, self._contract.buyer.timeout_s)

    def _order(self) -> Order:
        workload = Workload(arrivals="closed", buyers=1, stock=1, lines=(1, self._crash.lines))
        return random_order(workload, self._items, self._random)


async def _whole(work: Callable[[], None]) -> None:
    """Run blocking ``work`` in a thread, to its end also where the caller is cancelled: a kill is not half done."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise
