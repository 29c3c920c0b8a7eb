"""The way from a buyer to the database, link by link: proxies, and the shop in between where it is behind HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.http_shop import HttpShop, run_shop
from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK
from doorbuster.model.contract import Contract
from doorbuster.network.adapter import Proxy
from doorbuster.network.server import ToxiproxyServer

SHOP_LOG = "shop.log"


@dataclass(frozen=True, slots=True)
class Links:
    """``entrance`` is where buyers go through every link there is; ``proxies`` break them, by the link's name.

    ``backstage`` leads to the database around the faults, for buyers on other machines; None: all are on this one.
    """

    entrance: Target
    proxies: Mapping[str, Proxy]
    shop: HttpShop | None = None
    backstage: Target | None = None

    def check_alive(self) -> None:
        """Raises UsageError if the shop has ended by itself."""
        if self.shop is not None:
            self.shop.check_alive()


@asynccontextmanager
async def open_links(
    toxiproxy: ToxiproxyServer, guardian: Guardian, database: Target, contract: Contract, name: str, folder: Path,
    host: str = LOOPBACK,
) -> AsyncIterator[Links]:  # fmt: skip
    """Proxies on every link to ``database``, and the shop, which is stopped before they are deleted.

    Where ``host`` is not loopback, what buyers of other machines need listens there.

    Bytes still inside a proxy could be executed by a session that looks idle; none is left at the end.

    Raises:
        UsageError: the shop does not start.
    """
    is_http, upstream = contract.place.http is not None, f"{database.host}:{database.port}"
    with ExitStack() as stack:
        to_database = stack.enter_context(toxiproxy.proxy(name, upstream, host=LOOPBACK if is_http else host))
        around = None
        if host != LOOPBACK:
            proxy = stack.enter_context(toxiproxy.proxy(f"{name}_around", upstream, host=host))
            around = replace(database, host=host, port=proxy.port)
        if not is_http:
            entrance = replace(database, host=host, port=to_database.port, settings=dict(contract.session))
            yield Links(entrance, {"database": to_database}, backstage=around)
            return
        through = replace(database, host=to_database.host, port=to_database.port)
        async with shop_on(contract, through, guardian, folder) as shop:
            with toxiproxy.proxy(f"{name}_front", f"{shop.host}:{shop.port}", host=host) as to_shop:
                entrance = replace(database, host=host, port=to_shop.port)
                yield Links(entrance, {"database": to_database, "shop": to_shop}, shop, around)


@asynccontextmanager
async def open_entrance(
    guardian: Guardian, database: Target, contract: Contract, folder: Path
) -> AsyncIterator[Target]:
    """Where buyers go where no link is to be broken: to the database, or to a shop on it, stopped at the end.

    Raises:
        UsageError: the shop does not start.
    """
    if contract.place.http is None:
        yield replace(database, settings=dict(contract.session))
        return
    async with shop_on(contract, database, guardian, folder) as shop:
        yield replace(database, host=shop.host, port=shop.port)


@asynccontextmanager
async def shop_on(contract: Contract, database: Target, guardian: Guardian, folder: Path) -> AsyncIterator[HttpShop]:
    """The contract's shop on ``database``; started and stopped in a thread, as that takes a second.

    Raises:
        UsageError: it does not start.
    """
    assert contract.place.http is not None
    context = run_shop(contract.place.http.server, database, guardian, folder / SHOP_LOG)
    shop = await asyncio.to_thread(context.__enter__)
    try:
        yield shop
    finally:
        await asyncio.shield(asyncio.to_thread(context.__exit__, None, None, None))
