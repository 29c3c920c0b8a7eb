"""A server that faults may break, for the tests of this folder."""

from collections.abc import Iterator

import pytest
from doorbuster.faults import Site
from doorbuster.faults.slow_disk import SlowDisk
from doorbuster.host.guardian import Guardian
from doorbuster.host.scratch import scratch_folder
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A server with few connections, and the settings that faults ask for."""
    settings = {"max_connections": "20", **SlowDisk().server_settings}
    with (
        Guardian() as guardian,
        scratch_folder(guardian) as scratch,
        EmbeddedServer(find_binaries(None), guardian, settings=settings) as server,
    ):
        yield Site(server, scratch, "postgres", "a buyer")
