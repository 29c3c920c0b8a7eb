"""The buyers of a load, in one asyncio loop: they take up orders when due, retry, and write down what they saw.

An open model: orders are due on a timetable whatever the buyers do, and latency counts from the due time, so that one
stalled second cannot hide. Nothing here knows Locust.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from doorbuster.drive.backstage import Backstage
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.load.mixing import Mixer
from doorbuster.drive.load.plan import Plan
from doorbuster.drive.operations import Operations
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.drive.workload import BURST, CLOSED, Due, burst_round, random_order, shelf, timetable
from doorbuster.model.outcome import Outcome
from doorbuster.record.journal import Journal

# Attempts are numbered order * TRIES + try, so that a tag in the log tells its order even if the journal was torn.
TRIES = 64
PART_ORDERS = 1_000_000_000
LEAD_S = 0.3
FLUSH_S = 0.25
BACKOFF_S = (0.02, 0.5)


@dataclass(frozen=True, slots=True)
class Done:
    """One finished order, for whoever counts: ``latency_ms`` from its due time, retries included."""

    outcome: str
    latency_ms: float
    phase: str


class LoadEngine:
    """Runs a :class:`Plan`. All methods are for its loop's thread, unless they say otherwise."""

    def __init__(self, plan: Plan, on_done: Callable[[Done], None], on_start: Callable[[int], None]) -> None:
        self._plan = plan
        self._on_done = on_done
        self._on_start = on_start
        self._random = Random(plan.seed)
        # Think times and backoffs must not disturb which orders a seed gives.
        self._jitter = Random(plan.seed ^ 0x5EED)
        self._items = shelf(plan.contract, plan.workload)
        self._buyers: list[Buyer] = []
        self._backstage = Backstage(plan.contract, plan.backstage)
        self._waiting: deque[tuple[int, Due]] = deque()
        self._arrived = asyncio.Condition()
        self._arrivals_over = False
        self._stopping = asyncio.Event()
        self._mixer: Mixer | None = None
        self._orders = plan.part * PART_ORDERS
        self._start_us = 0
        self._start_monotonic = 0.0
        self.outcomes: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many orders are expected, for progress; 0 where nobody knows."""
        work = self._plan.workload
        if work.arrivals == BURST:
            return work.rounds * work.buyers
        return round(sum(phase.rate * phase.duration_s for phase in self._plan.phases))

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
            tables = ("attempts", "requests", "request_lines")
            self._attempts, self._requests, self._lines = (
                stack.enter_context(Journal(folder, table, str(self._plan.part))) for table in tables
            )
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
        make = buyers_of(plan.contract)
        self._buyers = [make.at(plan.target) for _ in range(plan.workload.buyers)]
        await asyncio.gather(*(buyer.connect() for buyer in self._buyers))

    async def _drive(self) -> None:
        self._start_us = time.time_ns() // 1000 + int(LEAD_S * 1e6)
        self._start_monotonic = time.monotonic() + LEAD_S
        self._on_start(self._start_us)
        await asyncio.sleep(LEAD_S)
        driving = {BURST: self._burst, CLOSED: self._closed}.get(self._plan.workload.arrivals, self._open_model)
        await driving()

    async def _open_model(self) -> None:
        workers = [asyncio.ensure_future(self._work(n)) for n in range(len(self._buyers))]
        for due in timetable(self._plan.workload, self._plan.phases, self._items, self._random):
            assert due.due_s is not None
            if not await self._sleep_until(self._start_monotonic + due.due_s, workers):
                break
            async with self._arrived:
                self._waiting.append((self._next_order(), due))
                self._arrived.notify()
        self._arrivals_over = True
        async with self._arrived:
            self._arrived.notify_all()
        await self._drain(workers)
        for _, due in self._waiting:
            self._write_request(due, None)

    async def _sleep_until(self, instant: float, workers: Sequence[asyncio.Future[None]]) -> bool:
        """Wait until the monotonic ``instant``; False if the load was stopped or a worker failed before."""
        delay = instant - time.monotonic()
        if delay > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
        return not (self._stopping.is_set() or any(w.done() for w in workers))

    async def _work(self, buyer: int) -> None:
        while True:
            async with self._arrived:
                await self._arrived.wait_for(lambda: self._waiting or self._arrivals_over)
                if not self._waiting:
                    return
                number, due = self._waiting.popleft()
            await self._place(buyer, number, due)

    async def _burst(self) -> None:
        for item in self._items:
            if self._stopping.is_set():
                return
            # Everything a buyer does before its first byte is done before the release.
            round_ = [(self._next_order(), due) for due in burst_round(self._plan.workload, item, self._random)]
            await self._drain(
                [asyncio.ensure_future(self._place(n, number, due)) for n, (number, due) in enumerate(round_)]
            )

    async def _closed(self) -> None:
        await self._drain([asyncio.ensure_future(self._shop_until_stopped(n)) for n in range(len(self._buyers))])

    async def _shop_until_stopped(self, buyer: int) -> None:
        while not self._stopping.is_set():
            due = Due(random_order(self._plan.workload, self._items, self._random), CLOSED, None)
            await self._place(buyer, self._next_order(), due)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._jitter.uniform(0, 2 * self._plan.workload.think_s))

    async def _drain(self, work: Sequence[asyncio.Future[None]]) -> None:
        """Wait for ``work``, for at most the drain time; what is left then stays without an answer."""
        if self._plan.workload.arrivals == CLOSED:
            await self._until_stopped(work)
        _, late = await asyncio.wait(work, timeout=self._plan.drain_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _until_stopped(self, work: Sequence[asyncio.Future[None]]) -> None:
        stopped: asyncio.Future[None] = asyncio.ensure_future(self._wait_for_stop())
        await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _wait_for_stop(self) -> None:
        await self._stopping.wait()

    def _next_order(self) -> int:
        self._orders += 1
        return self._orders

    async def _place(self, buyer: int, number: int, due: Due) -> None:
        """Place one order, with retries as the shop's client makes them."""
        rules = self._plan.contract.buyer
        started_us, started = time.time_ns() // 1000, time.monotonic()
        self._write_request(due, started_us)
        await self._backstage.prepare(due.order)
        end = AttemptEnd(Outcome.ERROR)
        for try_no in range(1, rules.attempts + 1):
            end = await self._attempt(buyer, number, due, try_no)
            if end.outcome not in rules.retry or try_no == rules.attempts:
                break
            await self._back_off(try_no)
        since = started if due.due_s is None else self._start_monotonic + due.due_s
        self.outcomes[end.outcome] += 1
        self._on_done(Done(end.outcome, (time.monotonic() - since) * 1000, due.phase))
        if self._mixer is not None and end.outcome is Outcome.OK:
            await self._mixer.after(buyer, due.order, end.order_id)

    async def _back_off(self, try_no: int) -> None:
        first, most = BACKOFF_S
        await asyncio.sleep(self._jitter.uniform(0.5, 1.0) * min(most, first * 2**try_no))

    async def _attempt(self, buyer: int, number: int, due: Due, try_no: int) -> AttemptEnd:
        attempt = number * TRIES + try_no
        invoked_us, invoked_ns = time.time_ns() // 1000, time.monotonic_ns()
        try:
            end = await self._buyers[buyer].attempt(due.order, attempt)
            returned_us: int | None = time.time_ns() // 1000
        except asyncio.CancelledError:  # the harness stops: the attempt stays without an answer, and never ends
            end, returned_us = AttemptEnd(Outcome.UNKNOWN, code="stopped"), None
            self._write_attempt(buyer, attempt, due, try_no, (invoked_us, invoked_ns, returned_us), end)
            raise
        self._write_attempt(buyer, attempt, due, try_no, (invoked_us, invoked_ns, returned_us), end)
        return end

    def _write_attempt(
        self, buyer: int, attempt: int, due: Due, try_no: int, times: tuple[int, int, int | None], end: AttemptEnd
    ) -> None:
        invoked_us, invoked_ns, returned_us = times
        duration_us = (time.monotonic_ns() - invoked_ns) // 1000
        self._attempts.append([
            attempt, due.order.order_key, try_no, buyer, due.phase, self._due_us(due), invoked_us, returned_us,
            duration_us, end.outcome.value, end.order_id, end.code, end.message, end.backend_pid,
        ])  # fmt: skip

    def _write_request(self, due: Due, started_us: int | None) -> None:
        order = due.order
        self._requests.append([
            order.order_key, order.customer, order.total, order.order_class, due.phase, self._due_us(due), started_us,
        ])  # fmt: skip
        for number, line in enumerate(order.lines):
            self._lines.append([order.order_key, number, line.product, line.quantity, line.price])

    def _due_us(self, due: Due) -> int | None:
        return None if due.due_s is None else self._start_us + int(due.due_s * 1e6)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            for journal in (self._requests, self._lines, self._attempts):
                journal.flush()
            if self._mixer is not None:
                self._mixer.flush()
