"""A server for one scenario alone, so that what is done to it is done to nobody else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from doorbuster.engine.errors import NotPossible
from doorbuster.engine.house import TEMPLATE, House
from doorbuster.model.contract import Contract
from doorbuster.model.server import Server
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files


@asynccontextmanager
async def own_server(house: House, contract: Contract, settings: Mapping[str, str]) -> AsyncIterator[Server]:
    """A server like the house's with ``settings``, on which the template has the contract deployed.

    Raises:
        NotPossible: the house's server is not one of which we may have another, or kill it.
    """
    if not house.server.capabilities.can_crash:
        raise NotPossible(house.server.capabilities.lacks)
    opened = house.runtime.open(settings)
    server = await asyncio.to_thread(opened.__enter__)
    try:
        files = [Path(f) for f in contract.schema.files]

        async def deploy(dsn: str) -> None:
            await deploy_files(dsn, files)

        await Databases(server).create_template(server.prefix + TEMPLATE, deploy)
        yield server
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)
