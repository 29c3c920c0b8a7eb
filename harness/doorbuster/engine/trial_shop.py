"""A shop that a test opens: goods on the shelf, orders one by one or together, and a verdict from the log."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive import backstage
from doorbuster.drive.backstage import Backstage, StatementFailed, add_products
from doorbuster.drive.buyer import Buyer, buyers_of
from doorbuster.drive.history import History
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.drive.workload import shelf_item
from doorbuster.engine.bench import Bench, BreakableLine, CheckoutDatabase
from doorbuster.engine.errors import UsageError
from doorbuster.engine.shop import Shop, close_shop, open_on
from doorbuster.engine.store import facts
from doorbuster.judge.judge import judge_scenario
from doorbuster.model.check import CheckText
from doorbuster.model.order import Line, Order
from doorbuster.model.result import ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.network.faults import Fault
from doorbuster.record.seal import seal_journals

T = TypeVar("T")
_PHASE = "test"


@dataclass(frozen=True, slots=True)
class Want:
    """One order of several that are placed together."""

    lines: Mapping[str, int]
    order_key: str | None = None
    customer: str | None = None


class TrialShop:
    """A shop that is open in a test's database: goods on the shelf, orders, and at the end a verdict from the log.

    Every order is written down with what became of it, and every transaction is read from the write-ahead log. What
    changes the stock past the shop's functions and this class counts as the shop's own doing.
    """

    def __init__(
        self, bench: Bench, database: CheckoutDatabase, checks: Mapping[str, CheckText], folder: Path, name: str
    ) -> None:
        self._bench, self.database, self._checks, self._folder = bench, database, checks, folder
        self._contract = database.contract.contract
        self._scenario = Scenario(name=name, kind="stateful", description="Orders placed by a test.")
        self._stack = AsyncExitStack()
        self._prices: dict[str, str] = {}
        self._known: dict[str, tuple[int, int]] = {}
        self._customers: dict[str, str] = {}
        self._buyers: dict[int, list[Buyer]] = {}
        self._proofs: dict[str, str] = {}
        self._began = time.monotonic()
        self.result: ScenarioResult | None = None
        self.orders = 0

    def open(self) -> None:
        """Open the log.

        Raises:
            UsageError: the contract's tables do not fit the database, or its shop is behind HTTP.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._contract.place.http is not None:
            raise UsageError(
                f"{self._contract.name}: a test places orders over SQL; 'doorbuster run' tries a shop behind HTTP"
            )
        self._make = buyers_of(self._contract)
        self._shop = self._bench.wait(self._open())
        self._history = History(self._folder)
        self.database.watchers.append(self)
        self._backstage = Backstage(self._contract, self.database.target)

    async def _open(self) -> Shop:
        connection = await backstage.connect(self.database.target)
        self._stack.callback(connection.terminate)
        name, server = self.database.name, self._bench.server
        shop = await open_on(server, self.database.target, connection, name, self._contract, [])
        self._stack.push_async_callback(close_shop, shop)
        return shop

    def product(self, stock: int = 10, price: str | None = None) -> str:
        """Put another product on the shelf: its id, as text."""
        item = shelf_item(self._contract, len(self._prices) + 1, stock)
        item = replace(item, price=price) if price is not None else item
        self._bench.wait(self._told(add_products(self._shop.connection, self._contract, [item])))
        self._prices[item.product] = item.price
        return item.product

    def place(
        self, lines: Mapping[str, int] | str, *, order_key: str | None = None, customer: str | None = None,
        through: BreakableLine | None = None,
    ) -> AttemptEnd:  # fmt: skip
        """Try once to place an order, and say how it ended.

        ``lines`` are units by product; a product alone is one unit of it. The same ``order_key`` again is a retry of
        the same order. ``through`` is a line that may be broken.
        """
        cart = {lines: 1} if isinstance(lines, str) else lines
        (end,) = self.together([Want(cart, order_key, customer)], through=through)
        return end

    def together(self, wants: Sequence[Want], *, through: BreakableLine | None = None) -> tuple[AttemptEnd, ...]:
        """Try each of ``wants`` once, all released at one moment, each over a connection of its own."""
        target = through.target if through else self.database.target
        return self._bench.wait(self._told(self._together(wants, target)))

    async def _together(self, wants: Sequence[Want], target: Target) -> tuple[AttemptEnd, ...]:
        orders = [self._order(want) for want in wants]
        for order in orders:
            await self._backstage.prepare(order)
        buyers = self._buyers_of(target, len(orders))
        if len(buyers) > 1:  # all are connected before the first may order
            await asyncio.gather(*(buyer.connect() for buyer in buyers), return_exceptions=True)
        pairs = enumerate(zip(buyers, orders, strict=True))
        return tuple(await asyncio.gather(*(self._tried(buyer, order, n) for n, (buyer, order) in pairs)))

    def _buyers_of(self, target: Target, number: int) -> list[Buyer]:
        """The first buyers of a line; they keep their connections from one order to the next."""
        target = replace(target, settings=dict(self._contract.session))
        known = self._buyers.setdefault(target.port, [])
        known += [self._make.at(target) for _ in range(number - len(known))]
        return known[:number]

    def before(self, line: BreakableLine) -> None:
        """Buyers of the line connect anew, now that the fault is armed."""
        self._drop(self._buyers.pop(line.port, []))
        (buyer,) = self._buyers_of(line.target, 1)
        with suppress(Exception):  # another fault may be acting already
            self._bench.wait(buyer.connect())

    def after(self, fault: Fault, applied_us: int, healed_us: int) -> None:
        """Write down when the fault acted, and what proves it."""
        self._history.window(fault.kind, fault.kind, applied_us, healed_us)
        self._proofs[fault.kind] = fault.proof_sql

    def _drop(self, buyers: Sequence[Buyer]) -> None:
        async def drop() -> None:
            for buyer in buyers:
                buyer.close()

        self._bench.wait(drop())

    async def _tried(self, buyer: Buyer, order: Order, buyer_no: int) -> AttemptEnd:
        number, tries = self._known.get(order.order_key, (0, 0))
        number = number or self._history.request(order, _PHASE)
        self._known[order.order_key] = number, tries + 1
        self.orders += 1
        return await self._history.attempt(buyer, order, number, tries + 1, _PHASE, buyer_no)

    def _order(self, want: Want) -> Order:
        key = want.order_key or str(uuid4())
        customer = self._customers.setdefault(key, want.customer or str(uuid4()))
        missing = [product for product in want.lines if product not in self._prices]
        if missing:
            raise UsageError(f"no such product on the shelf: {', '.join(missing)}; shop.product() puts one there")
        lines = tuple(Line(product, units, self._prices[product]) for product, units in want.lines.items())
        total = sum((Decimal(line.price) * line.quantity for line in lines), Decimal(0))
        return Order(key, customer, lines, str(total))

    async def _told(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except UnmatchedAnswer as problem:
            raise UsageError(f"{self._contract.name}: {problem}; add a rule for it") from None
        except StatementFailed as problem:
            raise UsageError(str(problem)) from None

    def judge(self) -> ScenarioResult:
        """Close the shop, read its log, and judge; the second time, the same result again.

        Only checks that have been put to the test can hold; none is required.
        """
        if self.result is None:
            with facts(self._folder, 0) as known:
                known["start_us"] = 0
                for buyers in self._buyers.values():
                    self._drop(buyers)
                self._history.close()
                self._backstage.close()
                known["unobservable"] = self._bench.wait(self._shop.close_and_read(self._folder))
                seal_journals(self._folder)
                known["duration_s"] = time.monotonic() - self._began
            self.result = judge_scenario(self._folder, self._contract, self._scenario, self._checks, self._proofs)
        return self.result

    def close(self) -> None:
        """Close the log."""
        self._bench.wait(self._stack.aclose())
