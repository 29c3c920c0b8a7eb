"""Which orders are placed, and when they are due: drawn from a seed, so that a run can be had again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID

from doorbuster.drive.arrivals import instants
from doorbuster.drive.choice import Choice, below
from doorbuster.model.contract import Contract
from doorbuster.model.order import Line, Order
from doorbuster.model.scenario import Phase, Workload

# Products far from all others (of a probe, an unknown one) stay so where a type has fewer values.
_DAYS, _SMALL = 2_900_000, 32_000
MOST_CARTS = 10_000
BURST = "burst"
CLOSED = "closed"
# Its lines and what they make.
Cart = tuple[tuple[Line, ...], str]
# The bits of a UUID that say its version and variant.
_UUID_SET = 4 << 76 | 2 << 62
_UUID_KEPT = ~(0xF << 76 | 3 << 62)


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A product on the shelf: its id as text, its price as a decimal number in text, its units."""

    product: str
    price: str
    units: int


class Due(NamedTuple):
    """An order and when it is due, in seconds from the release of the buyers (None: as soon as a buyer is free)."""

    order: Order
    phase: str
    due_s: float | None


def shelf(contract: Contract, workload: Workload) -> tuple[ShelfItem, ...]:
    """The products that a workload needs: for a burst one a round."""
    number = workload.rounds if workload.arrivals == BURST else workload.products
    return tuple(shelf_item(contract, n, workload.stock) for n in range(1, number + 1))


def shelf_item(contract: Contract, number: int, units: int) -> ShelfItem:
    """The product with a number from 1 up, with ``units`` in stock."""
    return ShelfItem(product_id(product_type(contract), number), f"{10 + number % 90}.50", units)


def product_type(contract: Contract) -> str:
    """The type of a product's id: the cast of its first occurrence in the shelf's statements, else int."""
    for sql in contract.shelves.product:
        if match := re.search(r":product\s*::\s*([A-Za-z]\w*)", sql):
            return match[1].lower()
    return "int"


def product_id(kind: str, number: int) -> str:
    """The id of the product with a number, as text, where ids are of the type ``kind``."""
    if kind == "uuid":
        return str(UUID(int=number, version=4))
    if kind == "date":
        return str(date(2030, 1, 1) + timedelta(days=number % _DAYS))
    if kind in ("smallint", "int2") and number > _SMALL:
        return str(_SMALL + number % 767)
    return f"product-{number}" if kind in ("text", "varchar", "citext") else str(number)


class Orders:
    """Draws a workload's orders from ``random``: one after another, in the order in which they are asked for."""

    def __init__(self, workload: Workload, items: Sequence[ShelfItem], random: Random) -> None:
        self._workload = workload
        self._lines, self._quantity = workload.lines, workload.quantity
        self._items = items
        self._random = random
        self._choice = Choice(workload, len(items))
        self._carts: dict[tuple[str, int], Cart] = {}
        # Drawn only where there are some: else a seed gives the orders that it always gave.
        self._regulars = [_uuid(random) for _ in range(workload.regulars)] if workload.repeat > 0 else []

    def next(self) -> Order:
        """An order of a random cart of distinct products."""
        low, high = self._lines
        return self.of(self._choice.sample(self._items, low + below(high - low + 1, self._random), self._random))

    def of(self, items: Sequence[ShelfItem]) -> Order:
        """An order of these products."""
        (low, high), random = self._quantity, self._random
        if len(items) == 1:
            lines, total = self._cart_of_one(items[0], low + below(high - low + 1, random))
        else:
            lines, total = _cart(items, [low + below(high - low + 1, random) for _ in items])
        key = _uuid(random)
        return Order(key, self._customer() if self._regulars else _uuid(random), lines, total)

    def _cart_of_one(self, item: ShelfItem, quantity: int) -> Cart:
        """They come again and again, and there are not many of them."""
        key = item.product, quantity
        found = self._carts.get(key)
        if found is None:
            found = _cart([item], [quantity])
            if len(self._carts) < MOST_CARTS:
                self._carts[key] = found
        return found

    def _customer(self) -> str:
        if self._random.random() < self._workload.repeat:
            return self._random.choice(self._regulars)
        return _uuid(self._random)


def timetable(workload: Workload, phases: Sequence[Phase], items: Sequence[ShelfItem], random: Random) -> Iterator[Due]:
    """The orders of an open model, in the order in which they are due."""
    orders = Orders(workload, items, random)
    start_s = 0.0
    for phase in phases:
        for due_s in instants(phase, workload.spacing, random):
            yield Due(orders.next(), phase.name, start_s + due_s)
        start_s += phase.duration_s


def burst_round(workload: Workload, item: ShelfItem, random: Random) -> tuple[Due, ...]:
    """One order a buyer, all for ``item``."""
    orders = Orders(workload, [item], random)
    return tuple(Due(orders.of([item]), BURST, None) for _ in range(workload.buyers))


def random_order(workload: Workload, items: Sequence[ShelfItem], random: Random) -> Order:
    """An order of a random cart of distinct products."""
    return Orders(workload, items, random).next()


def _cart(items: Sequence[ShelfItem], quantities: Sequence[int]) -> Cart:
    lines = tuple(Line(item.product, quantity, item.price) for item, quantity in zip(items, quantities, strict=True))
    return lines, str(sum((Decimal(line.price) * line.quantity for line in lines), Decimal(0)))


def _uuid(random: Random) -> str:
    """A version 4 UUID, in text; by hand, as a load draws two an order."""
    text = (random.getrandbits(128) & _UUID_KEPT | _UUID_SET).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
