"""One sequence of orders over products of its own, with a model of the stock beside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from uuid import UUID

import asyncpg

from doorbuster.config.parameters import parse_parameters
from doorbuster.drive.backstage import Backstage, StatementFailed, add_products
from doorbuster.drive.buyer import Buyer
from doorbuster.drive.operations import Operations, restock_order
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer
from doorbuster.drive.stateful.expect import (
    Change,
    Mistake,
    change,
    judge_again,
    judge_ending,
    judge_first,
    judge_restock,
    judge_reused,
)
from doorbuster.drive.stateful.history import History
from doorbuster.drive.stateful.ledger import Ledger, Sums
from doorbuster.drive.workload import ShelfItem, shelf_item
from doorbuster.model.contract import Contract, OperationKind
from doorbuster.model.order import Blank, Line, Order, OrderClass
from doorbuster.model.outcome import Outcome

PHASE = "one at a time"
FAR_PRODUCT = 900_000_000
LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake with the sequence that shows it, one sentence a step."""

    check: str
    problem: str
    story: tuple[str, ...]


@dataclass(slots=True)
class Past:
    """An order that was asked for, and its answer: the first yes, else the last one."""

    order: Order
    label: str
    end: AttemptEnd
    is_over: bool = False  # cancelled or released


@dataclass(slots=True)
class Counterpart:
    """What every sitting shares: the real shop, and where it is written down what happened."""

    contract: Contract
    connection: asyncpg.Connection
    buyer: Buyer
    backstage: Backstage
    history: History
    ledger: Ledger | None
    random: Random
    operations: Operations
    operators: Mapping[OperationKind, SqlBuyer]
    products: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    @property
    def many_lines(self) -> bool:
        """Whether the contract can say a cart of several lines."""
        return self.contract.place.many_lines

    @property
    def states_total(self) -> bool:
        """Whether the contract sends an order's total."""
        return any(":total" in text for text in self.contract.place.templates)

    @property
    def claims_key(self) -> bool:
        """Whether the shop says that an order carries its key."""
        return self.contract.orders is not None and self.contract.orders.order_key is not None

    @property
    def refuses_strangers(self) -> bool:
        """Whether a key that is another customer's must be refused: keys may as well be each customer's own, so only
        where the contract says so, and says who asks."""
        place, session = self.contract.place, self.contract.session.values()
        asks = any(":customer" in text for text in (*place.prepare, *(step.sql for step in place.calls), *session))
        return asks and "reused_key" in self.contract.rules.refuse

    @property
    def retries(self) -> bool:
        """Whether a buyer of this shop may ask again for an order that he already has."""
        return self.claims_key or "unknown" in self.contract.buyer.retry

    def names_order(self, kind: OperationKind) -> bool:
        """Whether an operation says of which order it is; a release may be of all that is overdue."""
        return not {"order_id", "order_key", "customer"}.isdisjoint(
            parse_parameters(self.contract.operations[kind].sql).names
        )

    async def new_items(self, units: Sequence[int]) -> tuple[ShelfItem, ...]:
        """Fresh products with these units."""
        items = []
        for number in units:
            self.products += 1
            items.append(shelf_item(self.contract, self.products, number))
        await add_products(self.connection, self.contract, items)
        return tuple(items)

    def new_order(self, lines: Sequence[Line], order_class: OrderClass = "valid", blank: Blank | None = None) -> Order:
        """An order with a key and a customer of its own, and the total that its lines make."""
        key, customer = (str(UUID(int=self.random.getrandbits(128), version=4)) for _ in range(2))
        total = sum((Decimal(line.price) * line.quantity for line in lines), Decimal(0))
        return Order(key, customer, tuple(lines), str(total), order_class, blank)


class Sitting:
    """A sequence of orders. Every method that places one returns what is wrong, or None."""

    def __init__(self, counterpart: Counterpart) -> None:
        self._with = counterpart
        self._items: tuple[ShelfItem, ...] = ()
        self._past: list[Past] = []
        self._stock: dict[str, int] = {}
        self._sums: Sums | None = None
        self.story: list[str] = []

    async def open(self, units: Sequence[int]) -> None:
        """Put fresh products on the shelf."""
        self._items = await self._with.new_items(units)
        self._stock = {item.product: item.units for item in self._items}
        self._sums = await self._look()
        self.story.append("on the shelf: " + ", ".join(f"{i.units} of product {i.product}" for i in self._items))

    async def cart(self, lines: Sequence[tuple[int, int]]) -> Finding | None:
        """A good order: (index of the product, units) a line."""
        if not self._with.many_lines:
            lines = lines[:1]
        return await self._first(self._with.new_order([self._line(n, units) for n, units in lines]))

    async def left(self, index: int, more: int) -> Finding | None:
        """All that is left of a product, and ``more``."""
        units = self._stock[self._item(index).product] + more
        return await self.cart([(index, units)]) if units > 0 else None

    async def twice(self, index: int, units: tuple[int, int]) -> Finding | None:
        """A cart that names a product in two lines."""
        if not self._with.many_lines:
            return None
        return await self._first(self._with.new_order([self._line(index, u) for u in units], "duplicate_lines"))

    async def wrong_total(self, index: int, cents: int) -> Finding | None:
        """A cart whose stated total is not what its lines make."""
        order = self._with.new_order([self._line(index, 1)], "wrong_total")
        return await self._first(order._replace(total=str(Decimal(order.total) + Decimal(cents) / 100)))

    async def huge(self, index: int, units: Sequence[int]) -> Finding | None:
        """More than there can be, in one line or in several that overflow together."""
        lines = [self._line(index, u) for u in units]
        return await self._first(self._with.new_order(lines[: None if self._with.many_lines else 1], "huge"))

    async def bad(self, kind: OrderClass, index: int, place: int, blank: Blank = "quantity") -> Finding | None:
        """An order that the shop says it refuses: alone (``place`` 0), after a good line (1) or before one (2)."""
        if kind not in self._with.contract.rules.refuse:
            return None
        if kind == "malformed" and blank == "total" and not self._with.states_total:
            return None  # what is never sent cannot be malformed
        if kind == "malformed" and blank == "words" and not self._with.many_lines:
            return None  # a typed parameter takes no words
        good, wrong = [self._line(index, 1)], self._bad_lines(kind, index + 1)
        if not self._with.many_lines and not wrong:
            return None
        several = self._with.many_lines and wrong
        lines = {0: wrong, 1: good + wrong, 2: wrong + good}[place if several else 0]
        return await self._first(self._with.new_order(lines, kind, blank if kind == "malformed" else None))

    def _bad_lines(self, kind: OrderClass, index: int) -> list[Line]:
        line = self._line(index, 1)
        return {
            "unknown_product": [line._replace(product=shelf_item(self._with.contract, FAR_PRODUCT, 0).product)],
            "zero": [line._replace(quantity=0)],
            "negative": [line._replace(quantity=-2)],
            "empty": [],
        }.get(kind, [line])

    async def again(self, number: int) -> Finding | None:
        """An order of before, under its own key: as a buyer does whose answer was lost."""
        if not self._past or not self._with.retries:
            return None
        past = self._past[number % len(self._past)]
        confirmed = past.end if past.end.outcome is Outcome.OK else None
        if confirmed is None or past.is_over or past.order.order_class not in ("valid", "duplicate_lines"):
            return None
        end, done = await self._place(past.order, past)
        self._tell(f"order {past.label} again", end)
        self._with.classes["again"] += 1
        return self._found(judge_again(confirmed.order_id, end.outcome, end.order_id, done))

    async def reuse(self, number: int, index: int, units: int, *, by_a_stranger: bool = False) -> Finding | None:
        """Another cart under the key of an order of before; or that order's own cart, asked for by another customer."""
        confirmed = [p for p in self._past if p.end.outcome is Outcome.OK and not p.is_over]
        if not confirmed or not self._with.claims_key or (by_a_stranger and not self._with.refuses_strangers):
            return None
        past = confirmed[number % len(confirmed)]
        order = self._with.new_order(past.order.lines if by_a_stranger else [self._line(index, units)], "reused_key")
        if not by_a_stranger:
            order = order._replace(customer=past.order.customer)
            if _wanted(order) == _wanted(past.order):
                return None
        self._with.history.request(order, PHASE)
        sent = order._replace(order_key=past.order.order_key)
        end = await self._with.history.attempt(
            self._with.buyer, sent, try_no=1, number=0, phase=PHASE, recorded_as=order.order_key
        )
        done = await self._settled()
        what = "the same cart, by a stranger," if by_a_stranger else "another cart"
        self._tell(f"{what} under the key of order {past.label}: {_cart(order)}", end)
        self._with.classes["reused_key"] += 1
        return self._found(judge_reused(end.outcome, done, refuse=self._with.contract.rules.refuse))

    async def restock(self, index: int, units: int) -> Finding | None:
        """More of a product, by the shop's own way."""
        if "restock" not in self._with.operators:
            return None
        item = self._item(index)
        order = restock_order(item, units, self._with.random)
        end = await self._with.operations.run(self._with.operators["restock"], "restock", order)
        done = await self._settled()
        self._tell(f"restock of {units} of product {item.product}", end)
        self._with.classes["restock"] += 1
        return self._found(judge_restock(item.product, units, end.outcome, done))

    async def end_order(self, kind: OperationKind, number: int) -> Finding | None:
        """The cancellation or release of an order that was confirmed; it may have ended before."""
        confirmed = [p for p in self._past if p.end.outcome is Outcome.OK]
        if not confirmed or kind not in self._with.operators:
            return None
        past = confirmed[number % len(confirmed)]
        worker, is_over = self._with.operators[kind], past.is_over
        end = await self._with.operations.run(worker, kind, past.order, past.end.order_id)
        done = await self._settled()
        self._tell(f"{kind} of order {past.label}{' again' if is_over else ''}", end)
        self._with.classes[kind] += 1
        if not self._with.names_order(kind):
            return None  # which orders it ends is the shop's business; the log tells whether they are in balance
        past.is_over = is_over or end.outcome is Outcome.OK
        wanted = _wanted(past.order)
        return self._found(judge_ending(wanted, is_over=is_over, outcome=end.outcome, done=done))

    async def _first(self, order: Order) -> Finding | None:
        label = _label(len(self._past))
        stock = dict(self._stock)
        self._with.history.request(order, PHASE)
        self._with.classes[order.order_class] += 1
        past = Past(order, label, AttemptEnd(Outcome.ERROR))
        try:
            await self._with.backstage.prepare(order)
        except StatementFailed:
            if order.order_class == "valid":
                raise
            return None  # already the cart refuses it
        end, done = await self._place(order, past)
        self._past.append(past)
        words = "" if order.order_class == "valid" else f" ({order.order_class})"
        self._tell(f"order {label}{words}: {_cart(order)}", end)
        contract = self._with.contract
        if contract.consumption is not None and order.order_class not in contract.rules.refuse:
            return None  # products may share what they consist of: only the log knows what was there
        return self._found(
            judge_first(
                order.order_class, _wanted(order), stock, end.outcome, done,
                refuse=contract.rules.refuse, has_movements=contract.movements is not None,
            )
        )  # fmt: skip

    async def _place(self, order: Order, past: Past) -> tuple[AttemptEnd, Change | None]:
        """Place ``order`` as the shop's client does, with its retries after contention."""
        for _ in range(self._with.contract.buyer.attempts):
            end = await self._with.history.attempt(
                self._with.buyer, order, try_no=self._with.history.next_try(order), number=0, phase=PHASE
            )
            if not (end.outcome is Outcome.ABORTED and "aborted" in self._with.contract.buyer.retry):
                break
        if past.end.outcome is not Outcome.OK:
            past.end = end
        return end, await self._settled(order if end.outcome is Outcome.OK else None)

    async def _settled(self, sold: Order | None = None) -> Change | None:
        """Read the ledger again: what changed since the last time. The model follows what is really there."""
        after = await self._look()
        before, self._sums = self._sums, after
        if after is not None:
            self._stock = {item.product: after.stock.get(item.product, 0) for item in self._items}
        elif sold is not None:
            for product, units in _wanted(sold).items():
                self._stock[product] = self._stock.get(product, 0) - units
        return None if before is None or after is None else change(before, after)

    async def _look(self) -> Sums | None:
        ledger = self._with.ledger
        return None if ledger is None else await ledger.look([item.product for item in self._items])

    def _item(self, index: int) -> ShelfItem:
        return self._items[index % len(self._items)]

    def _line(self, index: int, units: int) -> Line:
        item = self._item(index)
        return Line(item.product, units, item.price)

    def _tell(self, what: str, end: AttemptEnd) -> None:
        order = f", order {end.order_id}" if end.order_id else ""
        message = f" ({end.message})" if end.message and end.outcome is not Outcome.OK else ""
        self.story.append(f"{what} → {end.outcome.value}{order}{message}")

    def _found(self, mistake: Mistake | None) -> Finding | None:
        return None if mistake is None else Finding(mistake.check, mistake.problem, tuple(self.story))


def _wanted(order: Order) -> Counter[str]:
    wanted: Counter[str] = Counter()
    for line in order.lines:
        wanted[line.product] += line.quantity
    return wanted


_BLANK_QUANTITY = {"quantity": "null", "words": "'two'"}


def _cart(order: Order) -> str:
    if not order.lines:
        return "an empty cart"
    lines = (
        f"{_BLANK_QUANTITY.get(order.blank or '', line.quantity)} of product "
        f"{'null' if order.blank == 'product' else line.product}"
        for line in order.lines
    )
    return ", ".join(lines) + (f", total {order.total}" if order.order_class == "wrong_total" else "") + (
        ", total null" if order.blank == "total" else ""
    )


def _label(number: int) -> str:
    """A, B, …, Z, A1, B1, …"""
    letter, round_ = chr(ord("A") + number % 26), number // 26
    return letter + (str(round_) if round_ else "")
