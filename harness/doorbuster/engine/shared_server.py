"""One server for several processes of a test session: the first to come starts it, and stops it when all have gone."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from doorbuster.model.server import Server, ServerCapabilities

LOCK_S = 180.0
POLL_S = 0.05
Open = Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True, slots=True)
class Address:
    """What databases need to know of a server, wherever it was started; the password stays out of every message."""

    host: str
    port: int
    user: str
    password: str
    version: str
    runtime: str
    logical: bool
    lacks: str
    admin_dsn: str
    prefix: str

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port}, {self.runtime} {self.version})"


class Neighbour:
    """A server that another process looks after: databases can be made in it, and nothing else be done to it."""

    def __init__(self, address: Address, prefix: str) -> None:
        self._address = address
        self.host, self.port = address.host, address.port
        self.user, self.password = address.user, address.password
        self.version, self.runtime = address.version, address.runtime
        self.prefix = prefix
        self.capabilities = ServerCapabilities(can_crash=False, logical=address.logical, lacks=address.lacks)
        self.log_path: Path | None = None

    def dsn(self, database: str) -> str:
        """A connection URI with the password."""
        head, _, _ = self._address.admin_dsn.rpartition("/postgres")
        return f"{head}/{database}"

    def redacted_dsn(self, database: str) -> str:
        """A connection URI that may be shown."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """Others use it."""

    def kill(self) -> None:
        """Others use it."""
        raise NotImplementedError("the server is shared by the test session; crash scenarios have servers of their own")

    def kill_backend(self, pid: int) -> None:
        """Others would be thrown out with it."""
        self.kill()

    def pause(self) -> None:
        """Others use it."""
        self.kill()

    def resume(self) -> None:
        """It was never paused."""

    def cpu_s(self) -> float | None:
        """It works for others, too."""
        return None

    def restart(self) -> None:
        """It was never killed."""
        self.kill()


@contextmanager
def shared_server(folder: Path, me: str, open_server: Open) -> Iterator[Server]:
    """A server that every process that names the same ``folder`` shares; ``me`` sets this one's databases apart.

    The process that started it waits at its end until the others have left, or are dead.
    """
    state, lock = folder / "doorbuster-server.json", FileLock(folder / "doorbuster-server.lock", timeout=LOCK_S)
    folder.mkdir(parents=True, exist_ok=True)
    with lock:
        known = _read(state)
        own = None if known else open_server()
        if own is not None:
            known = {"address": asdict(_address(own.__enter__())), "users": []}
        known["users"].append(_mark())
        _write(state, known)
    try:
        yield Neighbour(Address(**known["address"]), f"{known['address']['prefix']}{me}_")
    finally:
        _leave(state, lock)
        if own is not None:
            _wait_until_left(state, lock)
            own.__exit__(None, None, None)


def _address(server: Server) -> Address:
    can = server.capabilities
    return Address(
        server.host, server.port, server.user, server.password, server.version, server.runtime,
        can.logical, can.lacks, server.dsn("postgres"), server.prefix,
    )  # fmt: skip


def _mark() -> list[Any]:
    process = psutil.Process()
    return [process.pid, process.create_time()]


def _lives(mark: list[Any]) -> bool:
    try:
        return bool(psutil.Process(mark[0]).create_time() == mark[1])
    except psutil.NoSuchProcess:
        return False


def _leave(state: Path, lock: FileLock) -> None:
    with lock:
        known = _read(state)
        if _mark() in known.get("users", ()):
            known["users"].remove(_mark())
            _write(state, known)


def _wait_until_left(state: Path, lock: FileLock) -> None:
    while True:
        with lock:
            if not _read(state):
                state.unlink(missing_ok=True)
                return
        time.sleep(POLL_S)


def _read(state: Path) -> dict[str, Any]:
    """What is known of a server whose users live; nothing, where all who used one are dead and took it with them."""
    try:
        known: dict[str, Any] = json.loads(state.read_text())
    except (OSError, ValueError):
        return {}
    return known if any(_lives(mark) for mark in known.get("users", ())) else {}


def _write(state: Path, known: dict[str, Any]) -> None:
    state.touch(mode=0o600)
    state.write_text(json.dumps(known))
