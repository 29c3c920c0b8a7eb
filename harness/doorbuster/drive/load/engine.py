"""The buyers of a load, in one asyncio loop: they take up orders when due, retry, and write down what they saw.

An open model: orders are due on a timetable whatever the buyers do, and latency counts from the due time, so that one
stalled second cannot hide. Nothing here knows Locust.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from doorbuster.drive.backoff import pause_s
from doorbuster.drive.backstage import Backstage
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.http.connection import HttpConnection, MakeLine
from doorbuster.drive.load.live import Done
from doorbuster.drive.load.mixing import Mixer
from doorbuster.drive.load.plan import PART_ORDERS, TRIES, Plan
from doorbuster.drive.load.records import Records
from doorbuster.drive.operations import Operations
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer
from doorbuster.drive.workload import BURST, CLOSED, Due, Orders, ShelfItem, burst_round, shelf, timetable
from doorbuster.host.alarm import Alarm
from doorbuster.host.clock import moment, now_us
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.rates import expected_orders

LEAD_S = 0.3
FLUSH_S = 0.25
# Dispatching a crowd that is due at one instant must not keep answers waiting: so many, then the loop goes on.
AT_ONCE = 64
Numbered = tuple[int, Due]


class LoadEngine:
    """Runs a :class:`Plan`. All methods are for its loop's thread, unless they say otherwise.

    ``release`` is asked once every buyer is connected, and says when the shop opens, in microseconds of this machine's
    wall clock; without it, in a moment. ``line`` is what buyers send requests over, where the shop is behind HTTP;
    those who call it themselves do so ``fast``, if they can.
    """

    def __init__(
        self, plan: Plan, on_done: Callable[[Done], None], release: Callable[[], Awaitable[int]] | None = None,
        line: MakeLine = HttpConnection, *, fast: bool = True,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._on_done = on_done
        self._line, self._is_fast = line, fast
        self._release = release or _in_a_moment
        self._random = Random(plan.seed)
        # Think times and backoffs must not disturb which orders a seed gives.
        self._jitter = Random(f"{plan.seed} {plan.share}")
        self._items = shelf(plan.contract, plan.workload)
        self._buyers: list[Buyer] = []
        self._backstage = Backstage(plan.contract, plan.backstage, remember=plan.workload.repeat > 0)
        self._is_prepared_for = self._backstage.is_needed
        self._rules = plan.contract.buyer
        self._waiting: deque[Numbered] = deque()
        self._idle: deque[asyncio.Future[Numbered | None]] = deque()
        self._arrivals_over = False
        self._stopping = asyncio.Event()
        self._mixer: Mixer | None = None
        self._start_us = 0
        self._start_monotonic = 0.0
        self.outcomes: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many orders are expected, for progress; 0 where nobody knows."""
        work = self._plan.workload
        if work.arrivals == BURST:
            return work.rounds * work.buyers
        return round(sum(map(expected_orders, self._plan.phases)) / self._plan.share[1])

    @property
    def done(self) -> int:
        """How many orders have had their final answer."""
        return sum(self.outcomes.values())

    def stop(self) -> None:
        """No new arrivals; those in flight may finish."""
        self._stopping.set()

    async def run(self) -> None:
        """Connect the buyers, drive the load, and end when every order has its answer or the drain time is over."""
        with ExitStack() as stack:
            folder = Path(self._plan.record)
            self._records = stack.enter_context(Records(folder, str(self._plan.part)))
            operations = Operations(folder, self._plan.part) if self._plan.workload.operations else None
            if operations is not None:
                self._mixer = Mixer(self._plan, stack.enter_context(operations))
                stack.callback(self._mixer.close)
            await self._connect()
            flusher = asyncio.ensure_future(self._flush())
            try:
                await self._drive()
            finally:
                flusher.cancel()
                self._backstage.close()
                for buyer in self._buyers:
                    buyer.close()

    async def _connect(self) -> None:
        plan = self._plan
        make = buyers_of(plan.contract, self._line, fast=self._is_fast)
        self._buyers = [make.at(plan.target) for _ in range(plan.workload.buyers)]
        await asyncio.gather(*(buyer.connect() for buyer in self._buyers))

    async def _drive(self) -> None:
        self._start_us = await self._release()
        self._start_monotonic = time.monotonic() + (self._start_us - now_us()) / 1e6
        work = self._plan.workload.arrivals
        if work == BURST:
            await self._sleep_until(self._start_monotonic)
            await self._burst()
        elif work == CLOSED:
            await self._sleep_until(self._start_monotonic)
            await self._closed()
        else:
            await self._open_model()

    async def _sleep_until(self, instant: float) -> None:
        await asyncio.sleep(max(0.0, instant - time.monotonic()))

    async def _open_model(self) -> None:
        workers = [asyncio.ensure_future(self._work(n)) for n in range(len(self._buyers))]
        try:
            await self._arrivals(workers)
        finally:
            self._arrivals_over = True
            for turn in self._idle:
                if not turn.done():
                    turn.set_result(None)
        await self._drain(workers)
        for _, due in self._waiting:
            self._records.request(due, self._due_us(due), None)

    async def _arrivals(self, workers: Sequence["asyncio.Future[None]"]) -> None:
        """Hand out orders as they fall due, until the timetable ends, the load is stopped, or a worker fails."""
        over = asyncio.get_running_loop().create_future()
        table = self._timetable()
        coming = next(table, None)

        def ring() -> None:
            nonlocal coming
            for _ in range(AT_ONCE):
                if over.done():
                    return
                if coming is None or self._stopping.is_set() or any(worker.done() for worker in workers):
                    over.set_result(None)
                    return
                assert coming[1].due_s is not None
                at = self._start_monotonic + coming[1].due_s
                if at > time.monotonic():
                    alarm.set(at)
                    return
                self._hand_out(coming)
                coming = next(table, None)
            alarm.set(time.monotonic())

        with Alarm(asyncio.get_running_loop(), ring) as alarm:
            stopped = asyncio.ensure_future(self._stopping.wait())
            try:
                ring()
                ends: list[asyncio.Future[Any]] = [over, stopped, *workers]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()

    def _timetable(self) -> Iterator[Numbered]:
        plan, first = self._plan, self._plan.series * PART_ORDERS
        table = timetable(plan.workload, plan.phases, self._items, self._random)
        return ((first + n, due) for n, due in enumerate(table, 1) if plan.is_mine(n))

    def _hand_out(self, order: Numbered) -> None:
        while self._idle:
            turn = self._idle.popleft()
            if not turn.done():
                turn.set_result(order)
                return
        self._waiting.append(order)

    async def _work(self, buyer: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._waiting:
                order: Numbered | None = self._waiting.popleft()
            elif self._arrivals_over:
                return
            else:
                turn: asyncio.Future[Numbered | None] = loop.create_future()
                self._idle.append(turn)
                order = await turn
            if order is None:
                return
            await self._place(buyer, *order)

    async def _burst(self) -> None:
        numbers = self._numbers()
        for item in self._items:
            if self._stopping.is_set():
                return
            # Everything a buyer does before its first byte is done before the release.
            round_ = [(next(numbers), due) for due in burst_round(self._plan.workload, item, self._random)]
            await self._drain(
                [asyncio.ensure_future(self._place(n, number, due)) for n, (number, due) in enumerate(round_)]
            )

    async def _closed(self) -> None:
        orders = zip(self._numbers(), _drawn_ahead(closed_orders(self._plan, self._items)), strict=False)
        loop, duration_s = asyncio.get_running_loop(), self._plan.workload.duration_s
        closing = None if duration_s is None else loop.call_later(duration_s, self.stop)
        work = [asyncio.ensure_future(self._shop_until_stopped(n, orders)) for n in range(len(self._buyers))]
        try:
            await self._until_stopped(work)
            await self._drain(work)
        finally:
            if closing is not None:
                closing.cancel()

    def _numbers(self) -> Iterator[int]:
        """Numbers for orders that have no timetable: no two workers give the same."""
        mine, of = self._plan.share
        return count(self._plan.series * PART_ORDERS + mine + 1, of)

    async def _shop_until_stopped(self, buyer: int, orders: Iterator[Numbered]) -> None:
        think_s = self._plan.workload.think_s
        goes_on = think_s == 0 and self._mixer is None and not self._is_prepared_for
        while not self._stopping.is_set():
            number, due = next(orders)
            await self._place(buyer, number, due, orders if goes_on else None)
            if think_s > 0:
                await self._think(self._jitter.uniform(0.5, 1.5) * think_s)

    async def _think(self, for_s: float) -> None:
        """Wait, but no longer than the shop is open."""
        thinking = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({thinking}, timeout=for_s)
        thinking.cancel()

    async def _drain(self, work: Sequence["asyncio.Future[None]"]) -> None:
        """Wait for ``work``, for at most the drain time; what is left then stays without an answer."""
        _, late = await asyncio.wait(work, timeout=self._plan.drain_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _until_stopped(self, work: Sequence["asyncio.Future[None]"]) -> None:
        stopped = asyncio.ensure_future(self._stopping.wait())
        ends: list[asyncio.Future[Any]] = [*work, stopped]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _place(self, buyer: int, number: int, due: Due, more: Iterator[Numbered] | None = None) -> None:
        """Place one order, with retries as the shop's client makes them; and after it the next ones of ``more``, for as
        long as the one before needed no retry.
        """
        one, rules = _UnderWay(buyer, number, due), self._rules
        if self._is_prepared_for:
            if not await self._backstage.has_prepared(due.order):
                return
            one.invoked = moment()
        self._records.request(due, self._due_us(due), one.started[0])
        end = await self._attempt(one, more)
        while end.outcome in rules.retry and one.try_no < rules.attempts:
            await asyncio.sleep(pause_s(one.try_no, self._jitter))
            one.try_again()
            end = await self._attempt(one)
        self._count(one, end)
        if self._mixer is not None and end.outcome is Outcome.OK:
            await self._mixer.after(buyer, due.order, end.order_id)

    async def _attempt(self, one: "_UnderWay", more: Iterator[Numbered] | None = None) -> AttemptEnd:
        """How an attempt ended that is invoked now; with ``more``, that at the last order that was gone on to."""
        buyer = self._buyers[one.buyer]
        try:
            if more is not None and isinstance(buyer, SqlBuyer):
                end = await buyer.attempt_on(one.due.order, one.attempt, partial(self._go_on, one, more))
            else:
                end = await buyer.attempt(one.due.order, one.attempt)
            returned = moment()
        except asyncio.CancelledError:  # the harness stops: the attempt stays without an answer, and never ends
            self._record(one, (None, time.monotonic_ns()), AttemptEnd(Outcome.UNKNOWN, code="stopped"))
            raise
        self._record(one, returned, end)
        return end

    def _go_on(self, one: "_UnderWay", more: Iterator[Numbered], end: AttemptEnd) -> tuple[Order, int] | None:
        """Take up the next order, where the last one's first attempt ended it and the shop is open.

        Called where the answer is read: a turn of the loop and a task's for each order would cost a tenth of it.
        """
        if end.outcome in self._rules.retry or self._stopping.is_set():
            return None
        self._record(one, moment(), end)
        self._count(one, end)
        one.take_up(*next(more))
        self._records.request(one.due, None, one.started[0])
        return one.due.order, one.attempt

    def _record(self, one: "_UnderWay", returned: tuple[int | None, int], end: AttemptEnd) -> None:
        """Write down how an attempt ended, and when by both clocks."""
        (invoked_us, invoked_ns), (returned_us, one.ended_ns) = one.invoked, returned
        took_us = (one.ended_ns - invoked_ns) // 1000
        self._records.attempt(
            one.attempt, one.due, self._due_us(one.due), one.try_no, one.buyer, invoked_us, returned_us, took_us, end
        )

    def _count(self, one: "_UnderWay", end: AttemptEnd) -> None:
        """An order has had its final answer."""
        due_s = one.due.due_s
        since_s = one.started[1] / 1e9 if due_s is None else self._start_monotonic + due_s
        self.outcomes[end.outcome] += 1
        self._on_done(Done(end.outcome, (one.ended_ns / 1e9 - since_s) * 1000, one.due.phase))

    def _due_us(self, due: Due) -> int | None:
        return None if due.due_s is None else self._start_us + int(due.due_s * 1e6)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._records.flush()
            if self._mixer is not None:
                self._mixer.flush()


async def _in_a_moment() -> int:
    return now_us() + int(LEAD_S * 1e6)


def _drawn_ahead(orders: Orders) -> Iterator[Due]:
    """Many at once, which costs half as much as each between other things; they are the same ones."""
    while True:
        yield from [Due(orders.next(), CLOSED, None) for _ in range(AT_ONCE)]


class _UnderWay:
    """An order that a buyer has taken up, and his present attempt at it, by its number; instants are of both clocks."""

    __slots__ = ("attempt", "buyer", "due", "ended_ns", "invoked", "started", "try_no")

    def __init__(self, buyer: int, number: int, due: Due) -> None:
        self.buyer = buyer
        self.ended_ns = 0
        self.take_up(number, due)

    def take_up(self, number: int, due: Due) -> None:
        """Begin with an order, now."""
        self.due, self.try_no, self.attempt = due, 1, number * TRIES + 1
        self.started = self.invoked = moment()

    def try_again(self) -> None:
        """Begin another attempt at it, now."""
        self.try_no += 1
        self.attempt += 1
        self.invoked = moment()


def closed_orders(plan: Plan, items: Sequence[ShelfItem]) -> Orders:
    """The orders of a closed model, in the order in which they are begun; each worker draws its own."""
    mine, of = plan.share
    return Orders(plan.workload, items, Random(plan.seed if of == 1 else f"{plan.seed} {mine}"))
