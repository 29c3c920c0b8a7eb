"""Shops for interleaving: one a buyer, each with a single session that carries the buyer's number."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import Random

from doorbuster.drive.backstage import add_products
from doorbuster.drive.buyer import buyers_of
from doorbuster.drive.history import History
from doorbuster.drive.interleave.driver import PATIENCE_S
from doorbuster.drive.interleave.gates import ME
from doorbuster.drive.interleave.seats import Seats, ShopSeat
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.workload import random_order, shelf_item
from doorbuster.engine.errors import NotPossible
from doorbuster.engine.links import shop_on
from doorbuster.engine.shop import Shop
from doorbuster.engine.stage import Stage
from doorbuster.model.contract import Contract
from doorbuster.model.scenario import Workload

NO_SINGLE = (
    "a shop's sessions place its orders, and nothing says which buyer each belongs to; say in place.http.server.single "
    "how to start the shop with one session only"
)
WARM = "warm"
FIRST_PRODUCT = 950_001
_ONE = Workload(arrivals="burst", buyers=1, stock=10)


@asynccontextmanager
async def open_seats(
    stage: Stage, shop: Shop, settings: Mapping[str, str], buyers: int, history: History
) -> AsyncIterator[Seats]:
    """A seat for each of ``buyers``, with ``settings`` in its session, and one more shop whose sessions no gate stops.

    An order is placed at each, so that everything is prepared: then an order is one statement, or one transaction.

    Raises:
        NotPossible: the contract does not say how, or the shop has more sessions than one.
    """
    contract = _single(stage.contract)
    items = [shelf_item(contract, FIRST_PRODUCT + n, _ONE.stock) for n in range(buyers)]
    await add_products(shop.connection, contract, items)
    make, gated = buyers_of(contract), []
    async with AsyncExitStack() as stack:
        for n, item in enumerate(items, 1):
            before = await _sessions(shop)
            entrance = await _opened(stage, contract, shop, {**settings, ME: str(n)}, stack)
            buyer = make.at(entrance, PATIENCE_S)
            stack.callback(buyer.close)
            order = random_order(_ONE, [item], Random(f"seat {stage.seed} {n}"))
            await history.attempt(buyer, order, history.request(order, WARM), 1, WARM)
            found = await _sessions(shop) - before
            if len(found) != 1:
                told = f"the shop has {len(found)} sessions, though it was started by place.http.server.single"
                raise NotPossible(told)
            gated.append(ShopSeat(buyer, found.pop()))
        entrance = await _opened(stage, stage.contract, shop, {**settings, "deadlock_timeout": "10ms"}, stack)
        yield Seats(gated, [make.at(entrance, PATIENCE_S) for _ in range(buyers)])


async def _opened(
    stage: Stage, contract: Contract, shop: Shop, settings: Mapping[str, str], stack: AsyncExitStack
) -> Target:
    """Where buyers find a shop whose sessions have these settings."""
    database = replace(shop.direct, settings=settings)
    found = await stack.enter_async_context(shop_on(contract, database, stage.house.guardian, stage.folder))
    return replace(shop.direct, host=found.host, port=found.port)


def _single(contract: Contract) -> Contract:
    http = contract.place.http
    if http is None or not http.server.single:
        raise NotPossible(NO_SINGLE)
    if len(contract.place.call_names) > 1:
        raise NotPossible("between two requests nothing of an order runs in the shop's session, to be stopped there")
    server = replace(http.server, command=http.server.single)
    return replace(contract, place=replace(contract.place, http=replace(http, server=server)))


async def _sessions(shop: Shop) -> set[int]:
    return {row[0] for row in await shop.connection.fetch(f"select pid from pg_stat_activity where {shop.sessions}")}
