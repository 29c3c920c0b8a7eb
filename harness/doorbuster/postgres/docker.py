"""A Postgres in a container, from any image that follows the official one: published on the loopback interface only."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doorbuster.host.containers import NoEngine, new_container, started, sweep_containers
from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.model.server import Server, ServerCapabilities
from doorbuster.postgres.connect import TROUBLE, connect, run_privately, uri
from doorbuster.postgres.errors import NoPostgres, ServerError
from doorbuster.postgres.settings import DEFAULTS

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

DEFAULT_IMAGE = "postgres:18"
INNER_PORT = 5432
MAX_CONNECTIONS = "200"
START_S, STOP_S, POLL_S = 60.0, 10.0, 0.02
PORT_TRIES = 5
TAIL_CHARACTERS = 2000
SUPERUSER = "postgres"


class DockerServer:
    """A server in a running container; a ``doorbuster.model.server.Server``. Made by :class:`DockerRuntime`."""

    host = LOOPBACK
    user = SUPERUSER
    runtime = "docker"
    prefix = ""
    log_path: Path | None = None
    capabilities = ServerCapabilities(can_crash=True, logical=True)

    def __init__(self, container: "DockerContainer", port: int, password: str) -> None:
        self._container = container
        self.port = port
        self.password = password
        self.version = ""

    def __repr__(self) -> str:
        return f"DockerServer({self._container.image}, port={self.port})"

    def dsn(self, database: str) -> str:
        """A connection URI with the password: for connecting, never for showing."""
        return uri(self.user, self.password, self.host, self.port, database)

    def redacted_dsn(self, database: str) -> str:
        """A connection URI that may be shown."""
        return uri(self.user, "***", self.host, self.port, database)

    def start(self) -> None:
        """Starts the container again, and waits until the server accepts connections.

        Raises:
            ServerError: it does not.
        """
        self._call("start")
        self.wait_until_ready()

    def stop(self) -> None:
        """Ends the server in an orderly way; the data stay."""
        self._call("stop", timeout=int(STOP_S))

    def kill(self) -> None:
        """SIGKILL to every process of the container; returns when they are gone.

        Raises:
            ServerError: it does not run.
        """
        self._call("kill", signal="SIGKILL")
        self._call("wait", timeout=STOP_S)

    def kill_backend(self, pid: int) -> None:
        """SIGKILL to one of the server's processes; harmless if it is gone."""
        self._call("exec_run", ["bash", "-c", 'kill -KILL "$0" || true', str(int(pid))], user="root")

    def pause(self) -> None:
        """Freezes every process of the container."""
        self._call("pause")

    def resume(self) -> None:
        """They go on; harmless where they run."""
        self._call("reload")
        if self._container.get_wrapped_container().status == "paused":
            self._call("unpause")

    def cpu_s(self) -> float | None:
        """Nobody here can tell."""
        return None

    def restart(self) -> None:
        """As ``start``; returns when recovery is over."""
        self.start()

    def wait_until_ready(self) -> None:
        """Waits for a connection with our password, which no other server has.

        The image's first start sets up with a server of its own that does not listen where we knock.

        Raises:
            ServerError: the container has ended, or none came within a minute; ends with its last words.
        """
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                self.version = run_privately(_version(self.dsn("postgres")))
                return
            except TROUBLE:
                if not self._is_running():
                    raise ServerError(f"the container ended at its start{self._last_words()}") from None
                time.sleep(POLL_S)
        raise ServerError(f"the server did not get ready in {START_S:.0f} s{self._last_words()}")

    def _is_running(self) -> bool:
        self._call("reload")
        return self._container.get_wrapped_container().status in ("created", "running", "restarting")

    def _last_words(self) -> str:
        said = self._call("logs", tail=30).decode(errors="replace")
        return f"; its last words:\n{said[-TAIL_CHARACTERS:]}"

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            return getattr(self._container.get_wrapped_container(), method)(*arguments, **options)
        except (DockerException, RequestException) as problem:
            raise ServerError(f"docker {method} of {self!r} failed: {problem}") from problem


@dataclass(frozen=True, slots=True)
class DockerRuntime:
    """Servers in containers of one image."""

    image: str
    guardian: Guardian

    @contextmanager
    def open(self, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
        """Another server in a container of its own.

        Raises:
            NoPostgres: no engine, or no such image; ServerError: it does not start.
        """
        try:
            sweep_containers()
            with self._on_some_port(dict(settings or {})) as server:
                yield server
        except NoEngine as problem:
            raise NoPostgres(str(problem)) from problem

    @contextmanager
    def _on_some_port(self, settings: dict[str, str]) -> Iterator[DockerServer]:
        for tries_left in reversed(range(PORT_TRIES)):
            port, password = free_port(), secrets.token_urlsafe(24)
            opened = started(self._container(port, password, settings), self.guardian)
            try:
                container = opened.__enter__()
            except NoEngine as problem:
                if tries_left and any(word in str(problem) for word in ("already allocated", "already in use")):
                    continue
                raise
            try:
                server = DockerServer(container, port, password)
                server.wait_until_ready()
                yield server
            finally:
                opened.__exit__(None, None, None)
            return

    def _container(self, port: int, password: str, settings: dict[str, str]) -> "DockerContainer":
        wanted = {"max_connections": MAX_CONNECTIONS} | DEFAULTS | settings
        made = new_container(self.image, shm_size="256m")
        made.with_env("POSTGRES_PASSWORD", password)
        made.with_command(["postgres", *(word for k, v in wanted.items() for word in ("-c", f"{k}={v}"))])
        made.ports[f"{INNER_PORT}/tcp"] = (LOOPBACK, port)  # type: ignore[assignment]  # docker-py takes the address, too
        return made


async def _version(dsn: str) -> str:
    connection = await connect(dsn)
    try:
        return str(await connection.fetchval("show server_version")).split()[0]
    finally:
        await connection.close()
