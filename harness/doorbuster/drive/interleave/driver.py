"""Runs one schedule after the other: buyers call at once, and the scheduler in the server decides who goes on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

import asyncpg

from doorbuster.config.answers import AnswerBook
from doorbuster.drive.backstage import Backstage, add_products, connect
from doorbuster.drive.buyer import Buyer
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.history import History
from doorbuster.drive.holding import RowHolder
from doorbuster.drive.interleave.crowds import BYSTANDER, order_of, orders
from doorbuster.drive.interleave.explore import Gathering, Step, Trace, Wanted, sets, waits_of
from doorbuster.drive.interleave.gates import CALM_MS, END, ENTRY, ME, SCHEMA
from doorbuster.drive.interleave.scheduler import LIMIT_MS
from doorbuster.drive.interleave.seats import Seat, Seats
from doorbuster.drive.operations import Operations, operator
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.drive.workload import ShelfItem, shelf_item
from doorbuster.model.contract import Contract, OperationKind
from doorbuster.model.crowd import Shape
from doorbuster.model.interleave import Isolation
from doorbuster.model.order import Order

# What would make the same schedule go another way, or end a buyer who only waits for the scheduler.
CALM = {
    "deadlock_timeout": f"{CALM_MS}ms", "log_lock_waits": "off", "statement_timeout": "0", "lock_timeout": "0",
    "plan_cache_mode": "force_generic_plan", "max_parallel_workers_per_gather": "0", "jit": "off",
}  # fmt: skip
PATIENCE_S = LIMIT_MS / 1000 + 5
BATCH = 100
_COLUMNS = ("chosen", "point", "ready", "asleep", "waiting", "ended", "finished", "waits")
_RUN = f"select * from {SCHEMA}.run($1, $2, $3, $4, $5, $6, $7, $8, $9)"


@dataclass(frozen=True, slots=True)
class Ran:
    """A schedule that was run: its number in its crowd, how it went, the goods, and what each buyer was told first."""

    number: int
    trace: Trace
    items: tuple[ShelfItem, ...]
    orders: tuple[Order, ...]
    ends: tuple[AttemptEnd, ...]
    gathering: Gathering | None = None
    operations: tuple[OperationKind, ...] = ()


class Interleaver:
    """Buyers with gates, and the scheduler's own session.

    ``entry_gate``: they stop before each call, too. ``strides``: a buyer may be let go for several steps at once; not
    where one can give locks back in the middle of his order. ``kinds`` are what the first buyers do instead of
    ordering. ``seats`` are the buyers where they have no sessions of their own.
    """

    def __init__(
        self, contract: Contract, target: Target, buyers: int, isolation: Isolation, history: History,
        operations: Operations, seed: str, *, kinds: Sequence[OperationKind], entry_gate: bool, strides: bool,
        first_product: int, seats: Seats | None = None,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._target = replace(target, settings=dict(contract.session))
        self._count = buyers
        self._isolation = isolation
        self._history = history
        self._operations = operations
        self._kinds = tuple(kinds)
        self._strides = strides
        self._random = Random(seed)
        flow, book = compile_flow(contract.place), AnswerBook(contract.answers)
        gate = f"select {SCHEMA}.reach({ENTRY})" if entry_gate else None
        # One call and nothing else: then a session without a transaction has done it.
        is_more = entry_gate or len(flow.calls) > 1 or flow.needs_tag_triggers
        self._has_end = is_more or bool(kinds) or bool(contract.session)
        settings = {**contract.session, "default_transaction_isolation": isolation, **CALM}
        own = [replace(target, settings={**settings, ME: str(n)}) for n in range(1, buyers + 1)]
        self._operators = [
            operator(contract, kind, one, PATIENCE_S, f"select {SCHEMA}.reach({ENTRY})")
            for kind, one in zip(self._kinds, own, strict=False)
        ]
        self._buyers: list[Seat] = list(seats.gated[:buyers]) if seats else [
            *self._operators, *(SqlBuyer(one, flow, book, PATIENCE_S, gate) for one in own[len(self._kinds) :])
        ]
        # Whoever tries again, and whoever gathers behind a held row, passes every gate.
        ungated = replace(target, settings={**settings, "deadlock_timeout": "10ms"})
        self._free: list[Buyer] = list(seats.free) if seats else [
            SqlBuyer(ungated, flow, book, PATIENCE_S) for _ in range(buyers)
        ]
        self._backstage = Backstage(contract, target)
        self._scheduler: asyncpg.Connection | None = None
        self._holder: RowHolder | None = None
        self._holding: asyncpg.Connection | None = None
        self._schedule = 0
        self._product = first_product
        self._shelf: list[tuple[ShelfItem, ...]] = []
        self.outcomes: Counter[str] = Counter()
        self.ran = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect everybody, and hold the first gates."""
        try:
            self._scheduler = await connect(self._target)
            await self._start_afresh()
            await self._free[0].connect()
            yield
        finally:
            for buyer in self._buyers:
                buyer.close()
            for free in self._free:
                free.close()
            self._backstage.close()
            for connection in (self._scheduler, self._holding):
                if connection is not None:
                    connection.terminate()

    async def run(self, shape: Shape, wanted: Wanted, phase: str) -> Ran:
        """Run one schedule with products of its own; whoever was told to try again does so afterwards, alone."""
        placed = await self._place(shape, phase)
        calls = [self._call(n, placed, phase) for n in range(self._count)]
        scheduling = asyncio.ensure_future(self._run(wanted))
        # Where the run is broken off meanwhile, nobody asks it how it ended.
        scheduling.add_done_callback(lambda task: task.cancelled() or task.exception())
        ends = await asyncio.gather(*calls)
        trace, is_spoilt = await scheduling
        if is_spoilt or any(buyer.backend_pid is None for buyer in self._buyers):
            await self._start_afresh()
        return await self._ran(placed, trace, ends, phase)

    async def gather(self, shape: Shape, gathering: Gathering, phase: str) -> Ran:
        """Let buyers come to a held row one after the other, and go on all at once: nobody says who is when where."""
        placed = await self._place(shape, phase)
        if self._holder is None:
            self._holding = await connect(self._target)
            self._holder = RowHolder(self._holding, self._contract)
        tasks: dict[int, asyncio.Future[AttemptEnd]] = {}
        async with self._holder.holding(placed.items[gathering.held]):
            for buyer in gathering.arrivals:
                order = placed.orders[buyer - 1]
                number, try_no = placed.numbered(order)
                attempt = self._history.attempt(self._free[buyer - 1], order, number, try_no, phase, buyer)
                tasks[buyer] = asyncio.ensure_future(attempt)
                await self._holder.until_stuck(list(tasks.values()))
        ends = [await tasks[buyer] for buyer in sorted(tasks)]
        self.outcomes.update(end.outcome for end in ends)
        return await self._ran(placed, Trace(()), ends, phase, gathering)

    async def _place(self, shape: Shape, phase: str) -> "_Placed":
        items = await self._next_items(shape)
        placed = _Placed(items, tuple(orders(shape, items, self._random)))
        buying = {order.order_key: order for order in placed.orders[len(self._kinds) :]}
        before = [order_of([(items[0], units)], self._random) for units in (BYSTANDER, shape.sold) if shape.sold]
        buying |= {order.order_key: order for order in before}
        for order in buying.values():
            await self._backstage.prepare(order)
            placed.numbers[order.order_key] = self._history.request(order, phase)
        for order in before:
            end = await self._history.attempt(self._free[0], order, *placed.numbered(order), phase)
            self.outcomes[end.outcome] += 1
            placed.sold, placed.sold_id = order, end.order_id
        return placed

    async def _ran(
        self, placed: "_Placed", trace: Trace, ends: Sequence[AttemptEnd], phase: str,
        gathering: Gathering | None = None,
    ) -> Ran:  # fmt: skip
        for order, end in list(zip(placed.orders, ends, strict=True))[len(self._kinds) :]:
            await self._retry(placed, order, end, phase)
        self.ran += 1
        ended = placed.sold or placed.orders[0]
        met = (*[ended] * len(self._kinds), *placed.orders[len(self._kinds) :])
        return Ran(self.ran, trace, placed.items, met, tuple(ends), gathering, self._kinds)

    async def _call(self, n: int, placed: "_Placed", phase: str) -> AttemptEnd:
        buyer, order = self._buyers[n], placed.orders[n]
        if n < len(self._kinds):
            ended = placed.sold or order
            end = await self._operations.run(self._operators[n], self._kinds[n], ended, placed.sold_id)
        else:
            number, try_no = placed.numbered(order)
            end = await self._history.attempt(buyer, order, number, try_no, phase, n + 1)
            self.outcomes[end.outcome] += 1
        if self._has_end:
            lock = f"({END + n + 1}, {self._schedule})"
            await buyer.execute(f"select pg_advisory_lock_shared{lock}, pg_advisory_unlock_shared{lock}")
        return end

    async def _run(self, wanted: Wanted) -> tuple[Trace, bool]:
        """How the schedule went, and whether it left something behind that would spoil the next."""
        assert self._scheduler is not None
        row = await self._scheduler.fetchrow(
            _RUN,
            [buyer.backend_pid or 0 for buyer in self._buyers],
            list(wanted.choices),
            sum(1 << (b - 1) for b in wanted.asleep or ()),
            None if wanted.asleep is None else self._isolation,
            None if wanted.priorities is None else list(wanted.priorities),
            list(wanted.changes),
            self._strides,
            self._has_end,
            self._schedule,
        )
        self._schedule += 1
        columns = zip(*(row[name] for name in _COLUMNS), strict=True)
        n = self._count
        steps = tuple(
            Step(b, p, sets(r, n), sets(s, n), sets(w, n), e, sets(f, n), waits_of(told))
            for b, p, r, s, w, e, f, told in columns
        )
        if row["problem"] is not None:  # open every gate, so that all come to their end, whatever it is
            await self._scheduler.execute("select pg_advisory_unlock_all()")
        return Trace(steps, row["problem"]), row["problem"] is not None or row["leaked"]

    async def _start_afresh(self) -> None:
        """Hold the first gate of everybody, over sessions that hold nothing themselves."""
        assert self._scheduler is not None
        await self._scheduler.execute("select pg_advisory_unlock_all()")
        for buyer in self._buyers:
            buyer.close()
            await buyer.connect()
        await self._scheduler.execute(f"select {SCHEMA}.arm({self._count}, {self._schedule})")

    async def _retry(self, placed: "_Placed", order: Order, end: AttemptEnd, phase: str) -> None:
        rules = self._contract.buyer
        while end.outcome in rules.retry and placed.tries[order.order_key] < rules.attempts + self._count - 1:
            number, try_no = placed.numbered(order)
            end = await self._history.attempt(self._free[0], order, number, try_no, phase)
            self.outcomes[end.outcome] += 1

    async def _next_items(self, shape: Shape) -> tuple[ShelfItem, ...]:
        """Products that nobody has touched; put on the shelf many at a time."""
        assert self._scheduler is not None
        if not self._shelf:
            for _ in range(BATCH):
                items = []
                for units in shape.stock:
                    items.append(shelf_item(self._contract, self._product, units))
                    self._product += 1
                self._shelf.append(tuple(items))
            await add_products(self._scheduler, self._contract, [i for items in self._shelf for i in items])
        return self._shelf.pop()


@dataclass(slots=True)
class _Placed:
    """The goods and orders of one schedule; ``numbers`` and the ``tries`` so far by order key."""

    items: tuple[ShelfItem, ...]
    orders: tuple[Order, ...]
    numbers: dict[str, int] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    sold: Order | None = None
    sold_id: str | None = None

    def numbered(self, order: Order) -> tuple[int, int]:
        """The order's number, and that of the next try."""
        self.tries[order.order_key] += 1
        return self.numbers[order.order_key], self.tries[order.order_key]
