"""The example shop on a real database, through lines that can be broken."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.engine.bench import Bench, CheckoutDatabase
from doorbuster.engine.house import Tools
from doorbuster.engine.http_shop import HttpShop, run_shop
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.host.resources import resource
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.server import ToxiproxyServer

Serve = Callable[..., AbstractContextManager["Served"]]


@dataclass(frozen=True)
class Served:
    """A shop that is open, and its database."""

    shop: HttpShop
    database: CheckoutDatabase

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.shop.host}:{self.shop.port}"

    def requests(self, path: str) -> int:
        """How many requests the shop has had for this path."""
        return self.shop.log.read_text().count(f" {path} HTTP/1.1")


@pytest.fixture(scope="session")
def hardened() -> LoadedContract:
    """The shop's contract."""
    return load_contract(resource("scenarios/contracts/http_shop.toml"))


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A server for all tests here."""
    with Bench(Tools(), tmp_path_factory.mktemp("bench")) as opened:
        yield opened


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    """Whoever ends what we start, should we die."""
    with Guardian() as started:
        yield started


@pytest.fixture(scope="session")
def toxiproxy(guardian: Guardian, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToxiproxyServer]:
    """A Toxiproxy for all tests here."""
    binary = find_toxiproxy(None, cache_folder(), lambda _: None)
    with ToxiproxyServer(binary, guard=guardian, base=tmp_path_factory.mktemp("toxiproxy")) as server:
        yield server


def server_of(bench: Bench, guardian: Guardian, hardened: LoadedContract, folder: Path) -> Serve:
    """Opens the shop on a database of its own, with further options of ``python -m shop`` and SQL to run first."""

    @contextmanager
    def opened(*options: str, sql: str = "") -> Iterator[Served]:
        assert hardened.contract.place.http is not None
        server = hardened.contract.place.http.server
        with bench.database(hardened) as database:
            database.execute("insert into products values (1, 'Lamp', 10.50, 1), (2, 'Chair', 7.25, 100)")
            if sql:
                database.execute(sql)
            command = (*server.command, "--access-log", "--pool", "4", *options)
            with run_shop(replace(server, command=command), database.target, guardian, folder / "shop.log") as shop:
                yield Served(shop, database)

    return opened


@pytest.fixture
def serve(bench: Bench, guardian: Guardian, hardened: LoadedContract, tmp_path: Path) -> Serve:
    """A shop of a test's own."""
    return server_of(bench, guardian, hardened, tmp_path)


@pytest.fixture(scope="module")
def module_serve(
    bench: Bench, guardian: Guardian, hardened: LoadedContract, tmp_path_factory: pytest.TempPathFactory
) -> Serve:
    """A shop that the tests of a module share."""
    return server_of(bench, guardian, hardened, tmp_path_factory.mktemp("shop"))
