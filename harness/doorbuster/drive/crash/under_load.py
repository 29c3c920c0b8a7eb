"""Buyers who order without a pause while a session, a client or the whole server is killed, again and again."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

import asyncpg

from doorbuster.drive.backoff import pause_s
from doorbuster.drive.backstage import Backstage, StatementFailed, connect
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.history import History, Met
from doorbuster.drive.sessions import sessions_of
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.drive.workload import ShelfItem, random_order
from doorbuster.host.clock import now_us
from doorbuster.model.contract import Contract
from doorbuster.model.crash import Crash, LoadKind
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Workload
from doorbuster.model.server import Server
from doorbuster.network.relay import HOST, Hold, relay
from doorbuster.postgres.connect import TROUBLE

LOAD = "load"
AIMED = "aimed"
FIRST = asyncio.FIRST_COMPLETED
PAUSE_S = 0.02
AIM_S = 2.0
LATE_S = 60.0
_AT_WORK = "state = 'active' and wait_event_type = 'Lock' order by random()"


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: how long the server was down for it (None: it was not), and from then to the first good order
    (None: too long)."""

    number: int
    kind: LoadKind
    aimed: bool
    down_ms: float | None
    first_order_ms: float | None
    unanswered: int


class CrashLoad:
    """``server`` is killed and restarted, or its sessions are; ``target`` is the shop's database on it, ``entrance``
    where buyers go, ``stock_table`` a table that every order writes to, as SQL names it."""

    def __init__(
        self, contract: Contract, crash: Crash, server: Server, target: Target, entrance: Target,
        items: Sequence[ShelfItem], history: History, recovery_s: float, seed: int, stock_table: str,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._crash = crash
        self._server = server
        self._target, self._entrance = target, entrance
        self._items = items
        self._history = history
        self._recovery_s = recovery_s
        self._stock_table = stock_table
        self._random = Random(seed)
        self._jitter = Random(seed)  # of its own: pauses must not change which orders a seed gives
        self._make = buyers_of(contract)
        self._any_session = f"select pid from pg_stat_activity where {sessions_of(contract)}"
        self._backstage = Backstage(contract, target)
        self._buyers = [self._buyer(self._entrance) for _ in range(crash.buyers)]
        self._up = asyncio.Event()
        self._begun, self._healed = 0, 0  # kills
        self._stopping = False
        self._unanswered: tuple[Order, int, AttemptEnd] | None = None
        self._good_order = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        self.kills: list[Kill] = []
        self.aimed: list[Met] = []
        self._broken_us = 0

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
        kinds = self._crash.load_kinds
        kind = kinds[(number - 1) % len(kinds)]
        is_server = kind == "kill_server"
        aimed = is_server and self._crash.aimed > 0 and number % self._crash.aimed == 0
        before = self.outcomes[Outcome.UNKNOWN]
        self._begun += 1
        if is_server:
            await (self._break_unanswered() if aimed else self._break())
            await _whole(self._server.restart)
        else:
            await self._break_session(kind)
        up_us, up = now_us(), time.monotonic()
        self._good_order.clear()
        self._healed = self._begun
        self._up.set()
        await self._retry_unanswered()
        self._history.window(kind, kind, self._broken_us, up_us)
        first_ms = None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._good_order.wait(), self._recovery_s - (time.monotonic() - up))
            first_ms = (time.monotonic() - up) * 1000
        unanswered = self.outcomes[Outcome.UNKNOWN] - before
        down_ms = (up_us - self._broken_us) / 1000 if kind in ("kill_server", "kill_backend") else None
        self.kills.append(Kill(number, kind, aimed, down_ms, first_ms, unanswered))

    async def _break_session(self, kind: LoadKind) -> None:
        """Kill one session that is in the middle of a call, or the client behind it.

        An order takes a millisecond or two, too short to aim at: so for a moment the table is locked that all of them
        want. A killed backend takes all the others along, and the lock too.
        """
        control = await connect(self._target)
        try:
            await control.execute(f"begin; lock table {self._stock_table} in exclusive mode")
            pid = await self._at_work(control)
            self._broken_us = now_us()
            if kind == "cancel":
                await control.execute("select pg_cancel_backend($1)", pid)
            elif kind == "terminate":
                await control.execute("select pg_terminate_backend($1)", pid)
            elif kind == "kill_client":
                self._client_of(pid).die()
            else:
                self._up.clear()
                await _whole(lambda: self._server.kill_backend(pid))
                self._backstage.close()
        finally:
            control.terminate()
        if kind == "kill_backend":
            await self._recovered()

    def _client_of(self, pid: int) -> Buyer:
        """The buyer behind the server's process; behind a shop any of them, as nobody knows which."""
        found = (buyer for buyer in self._buyers if buyer.backend_pid == pid)
        return next(found, None) or self._random.choice(self._buyers)

    async def _at_work(self, control: asyncpg.Connection) -> int:
        """The process of a buyer's session that is in the middle of a call; of any buyer's where none is seen so."""
        deadline = time.monotonic() + AIM_S
        while time.monotonic() < deadline:
            await control.execute("select pg_stat_clear_snapshot()")
            pid = await control.fetchval(f"{self._any_session} and {_AT_WORK} limit 1")
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.002)
        return int(await control.fetchval(f"{self._any_session} limit 1"))

    async def _recovered(self) -> None:
        """The server puts itself right again after it lost a backend; wait until it lets somebody in."""
        deadline = time.monotonic() + LATE_S
        while True:
            try:
                connection = await connect(self._target)
            except TROUBLE:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            connection.terminate()
            return

    async def _break(self) -> None:
        self._broken_us = now_us()
        # Buyers are told nothing: they go on, and are in the middle of an order when it happens.
        await _whole(self._server.kill)
        self._up.clear()
        self._backstage.close()

    async def _break_unanswered(self) -> None:
        """One more order, whose answer is held back behind the server; the kill comes while it waits."""
        async with relay(self._entrance.host, self._entrance.port) as line:
            buyer = self._buyer(replace(self._entrance, host=HOST, port=line.port))
            hold = Hold("down", 0, LATE_S)
            try:
                await buyer.connect()
                if isinstance(buyer, SqlBuyer):  # what is said to his session before an order is answered, too
                    buyer.tell_before_calls(lambda: line.hold(hold))
                else:
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
            buyer = self._buyer(self._entrance)
            try:
                retry = await self._retries(buyer, order, number, end, 0, AIMED)
            finally:
                buyer.close()
            self.aimed.append(Met(order.order_key, end, retry))

    async def _shop(self, buyer_no: int) -> None:
        try:
            while not self._stopping:
                await self._up.wait()
                order = self._order()
                if not await self._prepared(order):
                    await asyncio.sleep(PAUSE_S)  # the server may be dead while nobody knows yet
                    continue
                number = self._history.request(order, LOAD)
                end = await self._attempt(self._alive(buyer_no), order, number, 1, buyer_no, LOAD)
                await self._retries(self._buyers[buyer_no], order, number, end, buyer_no, LOAD)
        finally:
            self._buyers[buyer_no].close()

    def _alive(self, buyer_no: int) -> Buyer:
        """The buyer with this number; in place of one that died, the next client of the same customer."""
        if self._buyers[buyer_no].is_dead:
            self._buyers[buyer_no] = self._buyer(self._entrance)
        return self._buyers[buyer_no]

    async def _prepared(self, order: Order) -> bool:
        """Whether the order's cart is filled; it is not where a kill or the end came in between, or was under way."""
        healed = self._healed
        try:
            await self._backstage.prepare(order)
        except (StatementFailed, *TROUBLE):
            if self._begun == healed and not self._stopping:
                raise
            return False
        return True

    async def _retries(
        self, buyer: Buyer, order: Order, number: int, end: AttemptEnd, buyer_no: int, phase: str
    ) -> AttemptEnd | None:
        rules, last = self._contract.buyer, None
        for try_no in range(2, rules.attempts + 1):
            if end.outcome not in rules.retry:
                break
            await asyncio.sleep(pause_s(try_no - 1, self._jitter))
            await self._up.wait()
            if buyer.is_dead:
                buyer = self._alive(buyer_no)
            end = last = await self._attempt(buyer, order, number, try_no, buyer_no, phase)
        return last

    async def _attempt(
        self, buyer: Buyer, order: Order, number: int, try_no: int, buyer_no: int, phase: str
    ) -> AttemptEnd:
        end = await self._history.attempt(buyer, order, number, try_no, phase, buyer_no)
        self.outcomes[end.outcome] += 1
        if end.outcome is Outcome.OK and self._up.is_set():
            self._good_order.set()
        return end

    def _buyer(self, target: Target) -> Buyer:
        return self._make.at(target)

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
