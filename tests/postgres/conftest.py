"""One real server for the tests of this folder, and a database of its own for each test that asks."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from doorbuster.host.guardian import Guardian
from doorbuster.host.scratch import temporary_base
from doorbuster.postgres.binaries import Binaries, find_binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.embedded import EmbeddedServer

_numbers = count(1)


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """What the machine has, or another version's: DOORBUSTER_TEST_PG_BIN=DIR."""
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    return find_binaries(Path(named) if named else None)


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    with Guardian() as started:
        yield started


@pytest.fixture(scope="session")
def server(binaries: Binaries, guardian: Guardian) -> Iterator[EmbeddedServer]:
    """Shared: a test that kills a server starts one of its own."""
    with EmbeddedServer(binaries, guardian) as started:
        yield started


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the user who runs Postgres can reach; pytest's own are closed to it."""
    with tempfile.TemporaryDirectory(dir=temporary_base()) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
async def dsn(server: EmbeddedServer) -> AsyncIterator[str]:
    """An empty database."""
    async with Databases(server).cloned("template1", f"test_{next(_numbers)}") as made:
        yield made
