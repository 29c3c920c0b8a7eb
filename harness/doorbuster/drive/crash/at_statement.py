"""Something happens at one statement of an order; then the server is waited for, and the buyer tries again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import get_args
from uuid import UUID

import asyncpg

from doorbuster.drive import backstage
from doorbuster.drive.backstage import Backstage
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.crash.points import COUNT, GATE, SETTING, Point, arm, gaps, hits
from doorbuster.drive.history import History, Met
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import Contract
from doorbuster.model.crash import GENTLE, Crash, CrashKind
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.server import Server
from doorbuster.network.http_wire import parse_http
from doorbuster.network.relay import HOST, Hold, relay
from doorbuster.network.wire import Conversation, parse_conversation
from doorbuster.postgres.connect import TROUBLE

CLEAN = "clean"
# Between two requests no session is an order's.
BETWEEN_REQUESTS: tuple[CrashKind, ...] = ("kill_client", "kill_server")
BETWEEN: tuple[CrashKind, ...] = ("terminate", "kill_client", "kill_backend", "kill_server")
WAITS: tuple[CrashKind, ...] = ("lock_timeout", "kill_client", "kill_backend", "kill_server")
TIMEOUT_MS = 150
PAUSE_S = 0.02
PARKED_S = 5.0
BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class CrashPlace:
    """What happens, at which point, and when it is reached for which time (from 1)."""

    kind: CrashKind
    point: int
    hit: int

    @property
    def name(self) -> str:
        """As reports and the command line name it, such as ``cancel 7.1``."""
        return f"{self.kind} {self.point}.{self.hit}"


def parse_crash_place(name: str) -> CrashPlace:
    """The place of that name.

    Raises:
        ValueError: no such name; says how one looks.
    """
    kind, _, at = " ".join(name.split()).partition(" ")
    point, _, hit = at.partition(".")
    if kind not in get_args(CrashKind) or not point.isdecimal() or not (hit or "1").isdecimal():
        raise ValueError(f"{name!r} is no place; write it as reports do: 'cancel 7.1'")
    return CrashPlace(kind, int(point), int(hit or "1"))  # type: ignore[arg-type]  # one of the kinds, by now


def crash_places(
    crash: Crash, reached: Mapping[int, int], gaps: Sequence[Point] = (), between: Sequence[CrashKind] = BETWEEN
) -> tuple[CrashPlace, ...]:
    """Every place, by how often a clean order ``reached`` each point; those that end the server last.

    In the ``gaps`` between two calls nothing runs that could be cancelled or time out: only what ``between`` has.
    """
    if crash.only is not None:
        return (parse_crash_place(crash.only),)
    found = [
        CrashPlace(kind, point, hit)
        for kind in crash.kinds
        for point, times in sorted(reached.items())
        for hit in range(1, times + 1)
    ]
    found += [CrashPlace(kind, gap.number, 1) for kind in crash.kinds if kind in between for gap in gaps]
    return tuple(sorted(found, key=lambda place: place.kind not in GENTLE))


@dataclass(frozen=True, slots=True)
class Crashed:
    """A place, the order that met it, and how long the server was away, if it was; ``fired``: it did happen."""

    place: CrashPlace
    met: Met
    fired: bool
    down_ms: float | None = None


# How the first attempt ended, whether it met what was to happen, and how long the server was away, if it was.
End = tuple[AttemptEnd, bool, float | None]


class StatementCrash:
    """Places orders of a contract in the database ``plain`` on ``server``; buyers go to ``direct``."""

    def __init__(
        self, contract: Contract, server: Server, plain: Target, direct: Target, points: Sequence[Point],
        history: History, seed: int,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._server = server
        self._plain = plain
        self._direct = direct
        self._is_http = contract.place.http is not None
        self._points = points
        self._history = history
        self._random = Random(seed)
        self._make = buyers_of(contract)
        self._backstage = Backstage(contract, plain)
        self._gates = 0
        self.gaps: dict[int, Point] = {}
        self.outcomes: Counter[str] = Counter()

    def close(self) -> None:
        """Drop the connections."""
        self._backstage.close()

    async def listen(self, cart: Sequence[ShelfItem]) -> Conversation:
        """Place one clean order over a warmed connection, and listen in; where it has gaps, they are points, too."""
        async with relay(self._direct.host, self._direct.port) as line:
            buyer = self._buyer(target=replace(self._direct, host=HOST, port=line.port))
            await buyer.connect()
            line.forget()
            await self._clean(buyer, cart)
            up, down = bytes(line.up), bytes(line.down)
            found = parse_http(up, down) if self._is_http else parse_conversation(up, down, start_up=False)
        gap_points = gaps(self._contract, found, len(self._points) + 1)
        self.gaps = {point.number: point for point in gap_points}
        return found

    async def _clean(self, buyer: Buyer, cart: Sequence[ShelfItem]) -> None:
        order = self._order(cart)
        number = self._history.request(order, CLEAN)
        await self._backstage.prepare(order)
        try:
            await self._history.attempt(buyer, order, number, 1, CLEAN)
        finally:
            buyer.close()

    async def rehearse(self, cart: Sequence[ShelfItem]) -> dict[int, int]:
        """Place one clean order; how often it reached each point."""
        control = await backstage.connect(self._plain)
        try:
            async with self._armed(COUNT):
                await self._clean(self._buyer(COUNT), cart)
            return await hits(control, self._points)
        finally:
            control.terminate()

    async def run(
        self,
        places: Sequence[CrashPlace],
        carts: Sequence[Sequence[ShelfItem]],
        parallel: int,
        on_done: Callable[[Crashed], None],
    ) -> None:
        """Meet every place, each with a cart of its own; what ends the server comes one by one, after the rest."""
        pairs = list(zip(places, carts, strict=False))
        gentle = iter([pair for pair in pairs if pair[0].kind in GENTLE])
        async with asyncio.TaskGroup() as group:
            for _ in range(parallel):
                group.create_task(self._work(gentle, on_done))
        await self._work(iter([pair for pair in pairs if pair[0].kind not in GENTLE]), on_done)

    @asynccontextmanager
    async def _armed(self, wanted: str) -> AsyncIterator[None]:
        """Have ``wanted`` happen in the shop's session, where buyers have none of their own."""
        if not self._is_http:
            yield
            return
        control = await self._back()
        await arm(control, wanted)
        control.terminate()
        try:
            yield
        finally:
            control = await self._back()
            await arm(control, None)
            control.terminate()

    async def _work(
        self, work: Iterable[tuple[CrashPlace, Sequence[ShelfItem]]], on_done: Callable[[Crashed], None]
    ) -> None:
        for place, cart in work:
            on_done(await self._crash(place, cart))

    async def _crash(self, place: CrashPlace, cart: Sequence[ShelfItem]) -> Crashed:
        order = self._order(cart)
        number = self._history.request(order, place.kind)
        await self._backstage.prepare(order)
        gap = self.gaps.get(place.point)
        if gap is not None:
            first, fired, down_ms = await self._in_gap(place, gap, order, number)
        else:
            first, fired, down_ms = await self._in_statement(place, order, number)
        self.outcomes[first.outcome] += 1
        retry = await self._retry(order, number, first, place.kind)
        return Crashed(place, Met(order.order_key, first, retry), fired, down_ms)

    async def _in_statement(self, place: CrashPlace, order: Order, number: int) -> End:
        self._gates += 1
        gate = self._gates
        wanted = f"{place.kind} {place.point} {place.hit} {gate}"
        buyer = self._buyer(wanted, place.kind)
        try:
            async with self._armed(wanted):
                attempt = self._history.attempt(buyer, order, number, 1, place.kind)
                if place.kind in WAITS:
                    return await self._at_gate(place, gate, buyer, attempt)
                first = await attempt
                return first, first.outcome is not Outcome.OK, None
        finally:
            buyer.close()

    async def _in_gap(self, place: CrashPlace, gap: Point, order: Order, number: int) -> End:
        """Hold the next call back on its way, and do what is to be done while nothing runs."""
        assert gap.gap_at_byte is not None
        hold = Hold("up", gap.gap_at_byte, BACK_S)
        async with relay(self._direct.host, self._direct.port) as line:
            buyer = self._buyer(kind="kill_client", target=replace(self._direct, host=HOST, port=line.port))
            control = await backstage.connect(self._plain)
            try:
                await buyer.connect()
                # What the application does by hand goes over a whole line.
                buyer.reconnect_at(self._direct)
                pid = buyer.backend_pid
                line.hold(hold)
                attempt = asyncio.ensure_future(self._history.attempt(buyer, order, number, 1, place.kind))
                held = asyncio.ensure_future(hold.held.wait())
                await asyncio.wait({held, attempt}, return_when=asyncio.FIRST_COMPLETED)
                held.cancel()
                if attempt.done() or (pid is None and not self._is_http):
                    return await attempt, False, None
                down_ms, control = await self._strike(place.kind, pid or 0, buyer, control)
                await line.close()
                first = await attempt
                if pid is not None:
                    await self._over(control, pid)
                return first, True, down_ms
            finally:
                buyer.close()
                control.terminate()

    async def _strike(
        self, kind: CrashKind, pid: int, buyer: Buyer, control: asyncpg.Connection
    ) -> tuple[float | None, asyncpg.Connection]:
        """Do it; how long the server was away, if it was, and a connection to it as it is now."""
        if kind == "terminate":
            await control.execute("select pg_terminate_backend($1)", pid)
            return None, control
        if kind == "kill_client":
            buyer.die()
            return None, control
        began = time.monotonic()
        if kind == "kill_backend":
            await asyncio.to_thread(self._server.kill_backend, pid)
        else:
            await asyncio.to_thread(self._server.kill)
            await asyncio.to_thread(self._server.restart)
        self._backstage.close()
        control.terminate()
        control = await self._back()
        return (time.monotonic() - began) * 1000, control

    async def _at_gate(
        self, place: CrashPlace, gate: int, buyer: Buyer, placing: Coroutine[None, None, AttemptEnd]
    ) -> End:
        """Shut the gate, let the order come there, and do what is to be done while it waits."""
        control = await backstage.connect(self._plain)
        down_ms = None
        try:
            await control.execute("select pg_advisory_lock($1, $2)", GATE, gate)
            attempt = asyncio.ensure_future(placing)
            pid = await _parked(control, gate, attempt)
            if pid is not None and place.kind != "lock_timeout":
                down_ms, control = await self._strike(place.kind, pid, buyer, control)
                if down_ms is None:  # nothing but the client is gone; the statement goes on
                    await control.execute("select pg_advisory_unlock($1, $2)", GATE, gate)
                await self._over(control, pid)
            first = await attempt
            # On a busy machine a wait that times out is over before it is seen.
            timed_out = place.kind == "lock_timeout" and first.outcome is not Outcome.OK
            return first, pid is not None or timed_out, down_ms
        finally:
            control.terminate()

    async def _over(self, control: asyncpg.Connection, pid: int) -> None:
        """Wait until the server's process has done what it was at: it has ended, or, a shop's, waits for more."""
        at_work = _ACTIVE if self._is_http else "select count(*) from pg_stat_get_activity($1)"
        async with asyncio.timeout(BACK_S):
            while await control.fetchval(at_work, pid):
                await asyncio.sleep(0.001)

    async def _back(self) -> asyncpg.Connection:
        """A connection, as soon as the server gives one again."""
        async with asyncio.timeout(BACK_S):
            while True:
                with suppress(*TROUBLE):
                    connection = await backstage.connect(self._plain)
                    # Right after a backend's death the postmaster has not noticed yet, and then ends this one, too.
                    await asyncio.sleep(0.01)
                    await connection.fetchval("select 1")
                    return connection
                await asyncio.sleep(0.005)

    async def _retry(self, order: Order, number: int, end: AttemptEnd, phase: str) -> AttemptEnd | None:
        """The buyer tries again whatever he was told but yes: a session ended on purpose is no answer of the shop's.

        Except where he was told nothing, and a shop without keys would make it two orders.
        """
        repeats = Outcome.UNKNOWN in self._contract.buyer.retry
        if end.outcome is Outcome.OK or (end.outcome is Outcome.UNKNOWN and not repeats):
            return None
        buyer, last = self._buyer(), None
        try:
            for try_no in range(2, self._contract.buyer.attempts + 1):
                end = last = await self._history.attempt(buyer, order, number, try_no, phase)
                self.outcomes[end.outcome] += 1
                if end.outcome not in self._contract.buyer.retry:
                    break
                await asyncio.sleep(PAUSE_S)
        finally:
            buyer.close()
        return last

    def _buyer(self, at: str = "", kind: str = "", target: Target | None = None) -> Buyer:
        target = target or self._direct
        settings = dict(target.settings)
        if at:
            settings[SETTING] = at
        if kind == "statement_timeout":
            settings["statement_timeout"] = str(TIMEOUT_MS)
        timeout_s = self._contract.buyer.timeout_s + (PARKED_S if kind in WAITS else 0)
        return self._make.at(replace(target, settings=settings), timeout_s)

    def _order(self, cart: Sequence[ShelfItem]) -> Order:
        lines = tuple(Line(item.product, 1, item.price) for item in cart)
        total = sum((Decimal(line.price) for line in lines), Decimal(0))
        customer, key = (str(UUID(int=self._random.getrandbits(128), version=4)) for _ in range(2))
        return Order(key, customer, lines, str(total))


_ACTIVE = "select count(*) from pg_stat_get_activity($1) where state not in ('idle', 'disabled')"
_WAITING = """
select pid from pg_locks
where locktype = 'advisory' and classid = $1::bigint::oid and objid = $2::bigint::oid and not granted
"""


async def _parked(control: asyncpg.Connection, gate: int, attempt: "asyncio.Future[AttemptEnd]") -> int | None:
    """The server's process that waits at the gate; None where the order ended without coming there."""
    async with asyncio.timeout(PARKED_S):
        while not attempt.done():
            pid = await control.fetchval(_WAITING, GATE, gate)
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.001)
    return None
