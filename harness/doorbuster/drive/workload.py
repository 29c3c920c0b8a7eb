"""Which orders are placed, and when they are due: drawn from a seed, so that a run can be had again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from doorbuster.model.contract import Contract
from doorbuster.model.order import Line, Order
from doorbuster.model.scenario import Phase, Workload

BURST = "burst"
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A product on the shelf: its id as text, its price as a decimal number in text, its units."""

    product: str
    price: str
    units: int


@dataclass(frozen=True, slots=True)
class Due:
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
    return ShelfItem(_product_id(product_type(contract), number), f"{10 + number % 90}.50", units)


def product_type(contract: Contract) -> str:
    """The type of a product's id: the cast of its first occurrence in the shelf's statements, else int."""
    for sql in contract.shelves.product:
        if match := re.search(r":product\s*::\s*([A-Za-z]\w*)", sql):
            return match[1].lower()
    return "int"


def _product_id(kind: str, number: int) -> str:
    if kind == "uuid":
        return str(UUID(int=number, version=4))
    if kind == "date":
        return str(date(2030, 1, 1) + timedelta(days=number))
    return f"product-{number}" if kind in ("text", "varchar", "citext") else str(number)


def timetable(workload: Workload, phases: Sequence[Phase], items: Sequence[ShelfItem], random: Random) -> Iterator[Due]:
    """The orders of an open model, in the order in which they are due."""
    start_s = 0.0
    for phase in phases:
        for due_s in _arrivals(phase, workload.spacing, random):
            yield Due(random_order(workload, items, random), phase.name, start_s + due_s)
        start_s += phase.duration_s


def _arrivals(phase: Phase, spacing: str, random: Random) -> Iterator[float]:
    """Instants within a phase, in seconds. Even ones stand in the middle of their slot, so that phases join evenly."""
    if spacing == "even":
        number = round(phase.rate * phase.duration_s)
        yield from ((n + 0.5) / phase.rate for n in range(number))
        return
    at_s = random.expovariate(phase.rate) if phase.rate > 0 else phase.duration_s
    while at_s < phase.duration_s:
        yield at_s
        at_s += random.expovariate(phase.rate)


def burst_round(workload: Workload, item: ShelfItem, random: Random) -> tuple[Due, ...]:
    """One order a buyer, all for ``item``."""
    return tuple(Due(_order([item], workload, random), BURST, None) for _ in range(workload.buyers))


def random_order(workload: Workload, items: Sequence[ShelfItem], random: Random) -> Order:
    """An order of a random cart of distinct products."""
    number = random.randint(*workload.lines)
    return _order(random.sample(items, min(number, len(items))), workload, random)


def _order(items: Sequence[ShelfItem], workload: Workload, random: Random) -> Order:
    lines = tuple(Line(item.product, random.randint(*workload.quantity), item.price) for item in items)
    total = sum((Decimal(line.price) * line.quantity for line in lines), Decimal(0))
    return Order(_uuid(random), _uuid(random), lines, str(total))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
