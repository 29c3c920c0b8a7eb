"""After the faults: one more order, of a product that nobody else wants, must go through."""

import asyncio
import time
from pathlib import Path
from random import Random

from doorbuster.drive.backstage import Backstage, add_products
from doorbuster.drive.buyer import buyers_of
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.drive.workload import random_order, shelf_item
from doorbuster.engine.shop import Shop
from doorbuster.host.clock import now_us
from doorbuster.model.contract import Contract
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome
from doorbuster.model.scenario import Workload
from doorbuster.record.journal import Journal

RECOVERY_S = 10.0
PAUSE_S = 0.1
PHASE = "probe"
# Beyond all products and attempts of any load.
PRODUCT = 900_001
ATTEMPT = 1 << 50
_ONE = Workload(arrivals="burst", buyers=1, stock=1000)


def _ask_for(order: Order, folder: Path) -> None:
    """Write down what is wanted: where no tag tells, the order is known as the harness's by its key or its customer."""
    with Journal(folder, "requests", "probe") as requests, Journal(folder, "request_lines", "probe") as lines:
        asked_us = now_us()
        requests.append([order.order_key, order.customer, order.total, order.order_class, PHASE, None, asked_us])
        for number, line in enumerate(order.lines):
            lines.append([order.order_key, number, line.product, line.quantity, line.price])


async def probe(shop: Shop, entrance: Target, contract: Contract, seed: int, folder: Path) -> None:
    """Order one unit of a product of its own at the healed ``entrance``, until it goes through or 10 s are over.

    Raises:
        UnmatchedAnswer: an answer that the contract does not know; StatementFailed: the product cannot be added.
    """
    item = shelf_item(contract, PRODUCT, _ONE.stock)
    await add_products(shop.connection, contract, [item])
    order = random_order(_ONE, [item], Random(f"probe {seed}"))  # no key of the load
    buyer = buyers_of(contract).at(entrance)
    behind = Backstage(contract, shop.direct)
    deadline, number = time.monotonic() + RECOVERY_S, ATTEMPT
    try:
        await behind.prepare(order)
        _ask_for(order, folder)
        with Journal(folder, "probes") as journal:
            while True:
                number += 1
                invoked_us = now_us()
                end: AttemptEnd = await buyer.attempt(order, number)
                journal.append([
                    number, order.order_key, item.product, invoked_us, now_us(), end.outcome.value,
                    end.code, end.message, int(RECOVERY_S * 1_000_000),
                ])  # fmt: skip
                if end.outcome is Outcome.OK or time.monotonic() > deadline:
                    return
                await asyncio.sleep(PAUSE_S)
    finally:
        behind.close()
        buyer.close()
