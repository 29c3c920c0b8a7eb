"""A place to try a shop by hand, from a test or a script: a server, databases, a line that can be broken, a verdict.

Everything here is plain blocking code that may be called inside and outside a running event loop.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from doorbuster.config.contract import LoadedContract
from doorbuster.drive import backstage
from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.house import Tools
from doorbuster.engine.shared_server import shared_server
from doorbuster.host.cache import cache_folder
from doorbuster.host.clock import now_us
from doorbuster.host.guardian import Guardian
from doorbuster.host.loop_thread import LoopThread
from doorbuster.host.scratch import scratch_folder, sweep
from doorbuster.model.server import Server
from doorbuster.network.adapter import Proxy
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.faults import Fault, applied, make_fault
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files
from doorbuster.postgres.runtimes import runtime_of

T = TypeVar("T")
_PHASE = "test"


class Bench:
    """A server for as long as the block lasts, started when the first database is asked for.

    ``shared`` is a folder that all processes of a test session see: they then share one server. ``me`` is this one's
    name in it, made of letters and digits.
    """

    def __init__(self, tools: Tools, shared: Path, me: str = "main") -> None:
        self._tools, self._shared, self._me = tools, shared, re.sub(r"\W", "", me)
        self._stack = ExitStack()
        self._guardian: Guardian | None = None
        self._server: Server | None = None
        self._toxiproxy: ToxiproxyServer | None = None
        self._loop: LoopThread | None = None
        self._templates: dict[Path, str] = {}
        self._numbers = count(1)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of asynchronous ``work``, done in the bench's own thread."""
        if self._loop is None:
            self._loop = LoopThread()
            self._stack.callback(self._loop.close)
        return self._loop.wait(work)

    @property
    def server(self) -> Server:
        """The server; starts it."""
        if self._server is None:
            self.wait(asyncio.sleep(0))  # the loop ends last
            runtime = runtime_of(self._tools.postgres, self._watched())
            self._server = self._stack.enter_context(shared_server(self._shared, self._me, runtime.open))
        return self._server

    @contextmanager
    def database(self, contract: LoadedContract) -> Iterator["CheckoutDatabase"]:
        """A fresh database with the contract's schema and function, for the length of a block."""
        name = f"{self.server.prefix}{next(self._numbers)}"
        databases = Databases(self.server)
        self.wait(databases.clone(self._template(contract), name))
        target = Target(self.server.host, self.server.port, self.server.user, self.server.password, name)
        with ExitStack() as stack:
            stack.callback(lambda: self.wait(databases.drop(name)))
            database = CheckoutDatabase(self, contract, target, self.server.dsn(name))
            stack.callback(database.close)
            yield database

    def proxy(self, name: str) -> AbstractContextManager[Proxy]:
        """A proxy in front of the server; starts Toxiproxy the first time."""
        if self._toxiproxy is None:
            scratch = self._stack.enter_context(scratch_folder(self._watched()))
            path = Path(self._tools.toxiproxy) if self._tools.toxiproxy else None
            binary = find_toxiproxy(path, cache_folder(), lambda _: None)
            server = ToxiproxyServer(binary, guard=self._watched(), base=scratch)
            self._toxiproxy = self._stack.enter_context(server)
        return self._toxiproxy.proxy(name, f"{self.server.host}:{self.server.port}")

    def _watched(self) -> Guardian:
        if self._guardian is None:
            sweep()
            self._guardian = self._stack.enter_context(Guardian())
        return self._guardian

    def _template(self, contract: LoadedContract) -> str:
        if contract.path not in self._templates:
            name = f"{self.server.prefix}template_{len(self._templates)}"
            files = [Path(file) for file in contract.contract.schema.files]

            async def deploy(dsn: str) -> None:
                await deploy_files(dsn, files)

            databases = Databases(self.server)
            self.wait(databases.create_template(name, deploy))
            self._stack.callback(lambda: self.wait(databases.drop(name)))
            self._templates[contract.path] = name
        return self._templates[contract.path]


class FaultWatcher(Protocol):
    """Whoever has to know of the faults on a line."""

    def before(self, line: "BreakableLine") -> None:
        """A fault is armed, and will act at once: connections made now are those that it breaks."""

    def after(self, fault: Fault, applied_us: int, healed_us: int) -> None:
        """A fault acted between two instants of the wall clock."""


class CheckoutDatabase:
    """A database of one test. ``dsn`` is its address with the password; ``contract`` what was deployed into it."""

    def __init__(self, bench: Bench, contract: LoadedContract, target: Target, dsn: str) -> None:
        self._bench, self.contract, self.target, self.dsn = bench, contract, target, dsn
        self._connection: asyncpg.Connection | None = None
        self.watchers: list[FaultWatcher] = []

    def __repr__(self) -> str:
        return f"CheckoutDatabase({self.name!r}, {self.contract.contract.name})"

    @property
    def name(self) -> str:
        """The database's name."""
        return self.target.database

    def execute(self, sql: str, *values: object) -> str:
        """Run a statement, or several without ``values``; its command tag."""
        return str(self._bench.wait(self._call("execute", sql, *values)))

    def fetch(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a query; parameters are ``$1``, ``$2``, …"""
        return [dict(row) for row in self._bench.wait(self._call("fetch", sql, *values))]

    def fetchval(self, sql: str, *values: object) -> Any:
        """The first value of a query's first row; None where there is no row."""
        return self._bench.wait(self._call("fetchval", sql, *values))

    async def _call(self, method: str, *arguments: object) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await backstage.connect(self.target)
        return await getattr(self._connection, method)(*arguments)

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.terminate()

    @contextmanager
    def line(self) -> Iterator["BreakableLine"]:
        """A way to the database that can be broken, for the length of a block."""
        with self._bench.proxy(self.name) as proxy:
            yield BreakableLine(self, proxy)


class BreakableLine:
    """A way to a test's database through Toxiproxy."""

    def __init__(self, database: CheckoutDatabase, proxy: Proxy) -> None:
        self._database, self._proxy = database, proxy
        self.host, self.port = proxy.host, proxy.port
        own = database.target
        self.target = replace(own, host=self.host, port=self.port)
        self.dsn = database.dsn.replace(f"@{own.host}:{own.port}/", f"@{self.host}:{self.port}/")

    def __repr__(self) -> str:
        return f"<a line to {self._database.name} on port {self.port}>"

    @contextmanager
    def fault(self, kind: str, **parameters: object) -> Iterator[None]:
        """The fault of this kind for the length of the block, healed on every way out.

        Raises:
            BadParameters: an unknown kind or parameter; names the known ones.
        """
        fault = make_fault(kind, parameters)
        with fault.armed(self._proxy):
            for watcher in self._database.watchers:
                watcher.before(self)
            applied_us = now_us()
            try:
                with applied(fault, self._proxy):
                    yield
            finally:
                for watcher in self._database.watchers:
                    watcher.after(fault, applied_us, now_us())
