"""A Toxiproxy process of our own, for as long as a ``with`` block lasts."""

import json
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.host.processes import plain_environment
from doorbuster.network.adapter import Proxy, ToxiproxyApi
from doorbuster.network.binary import ToxiproxyBinary
from doorbuster.network.errors import ToxiproxyError, ToxiproxyGone

HOST = "127.0.0.1"
START_S = 15.0
STOP_S = 5.0
TRIES = 5
TAIL_CHARACTERS = 2000


class ProcessGuard(Protocol):
    """Ends the processes it watches should the harness die."""

    def watch_process(self, pid: int) -> None: ...

    def forget_process(self, pid: int) -> None: ...


class _PortTaken(Exception):
    """Somebody else listens on the port chosen for the API."""


class ToxiproxyServer:
    """Runs Toxiproxy inside a ``with`` block: ``api`` is its API, ``pid`` the process.

    Raises ToxiproxyError if it does not start. Whatever happens inside, the process is gone after the block.
    """

    def __init__(
        self,
        binary: ToxiproxyBinary,
        *,
        guard: ProcessGuard | None = None,
        base: Path | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        """``guard`` ends the process if we are killed; ``base`` is where its folder goes, one that is removed then."""
        self.binary = binary
        self._base = base
        self._guard = guard
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._api: ToxiproxyApi | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="toxiproxy-", dir=self._base)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    @property
    def api(self) -> ToxiproxyApi:
        """The running server's API."""
        if self._api is None:
            raise ToxiproxyError("Toxiproxy was not started")
        return self._api

    @property
    def pid(self) -> int:
        """The process."""
        return self._running().pid

    @contextmanager
    def proxy(
        self, name: str, upstream: str, listen_port: int | None = None, *, host: str = LOOPBACK
    ) -> Iterator[Proxy]:
        """A proxy on ``host`` to ``upstream`` ("host:port"), deleted at the end, which closes its connections.

        Without ``listen_port`` a port is chosen that the kernel gives to nobody while the proxy is disabled.
        """
        proxy = self.api.create(name, upstream, free_port() if listen_port is None else listen_port, host)
        try:
            yield proxy
        finally:
            if self._running().poll() is None:
                proxy.delete()

    def check_alive(self) -> None:
        """Raises ToxiproxyGone, with the end of its log, if the process has ended."""
        try:
            # A killed process closes its sockets before it can be waited for; a refused connection comes first.
            code = self._running().wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            return
        raise ToxiproxyGone(f"Toxiproxy (process {self.pid}) ended with {code}; its last words:\n{self.log_tail()}")

    def check_responds(self) -> None:
        """Raises ToxiproxyGone if the process has ended, or does not answer: a stopped one would hang every buyer."""
        self.check_alive()
        try:
            self.api.version()
        except ToxiproxyGone:
            raise
        except ToxiproxyError as problem:
            raise ToxiproxyGone(f"Toxiproxy (process {self.pid}) runs, but does not answer: {problem}") from problem

    def kill(self) -> None:
        """Ends the process at once: the last resort when its API hangs. Every connection through it is closed."""
        process = self._running()
        process.kill()
        process.wait()

    def log_tail(self) -> str:
        """The end of its log."""
        path = self._path("log")
        return path.read_text(errors="replace")[-TAIL_CHARACTERS:] if path.exists() else ""

    def _start(self) -> None:
        for _ in range(TRIES):
            try:
                self._start_on(free_port())
                return
            except _PortTaken:
                self._end_process()
        raise ToxiproxyError(f"Toxiproxy found no free port in {TRIES} tries; its last words:\n{self.log_tail()}")

    def _start_on(self, port: int) -> None:
        mark = f"mark-{secrets.token_hex(8)}"
        self._process = self._launch(port, [{"name": mark, "upstream": f"{HOST}:1", "enabled": False}])
        self._api = ToxiproxyApi(HOST, port, self, self._timeout_s)
        self._wait_until_ours(self._api, mark)

    def _launch(self, port: int, config: list[dict[str, object]]) -> "subprocess.Popen[bytes]":
        """Starts it with these proxies, its API on ``port``."""
        self._path("config.json").write_text(json.dumps(config))
        command = [str(self.binary.path), "-host", HOST, "-port", str(port), "-config", str(self._path("config.json"))]
        with self._path("log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**plain_environment(), "LOG_LEVEL": "warn"},  # at "info" it writes a line for every connection
                start_new_session=True,  # Ctrl-C is for the harness, which still has faults to heal
            )
        if self._guard:
            self._guard.watch_process(process.pid)
        return process

    def _wait_until_ours(self, api: ToxiproxyApi, mark: str) -> None:
        """Waits until the API answers, and is our child's.

        Toxiproxy stays alive when its port is taken, and the taker may be another Toxiproxy: ours has the mark.
        """
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if "address already in use" in self.log_tail():
                raise _PortTaken
            try:
                api.http.delete(f"/proxies/{mark}")  # any other Toxiproxy answers 404
                return
            except ToxiproxyGone:
                raise
            except ToxiproxyError:
                time.sleep(0.02)  # not listening yet, or not ours; check_alive or the log tells
        raise ToxiproxyError(f"Toxiproxy did not answer in {START_S} s; its last words:\n{self.log_tail()}")

    def _stop(self) -> None:
        self._end_process()
        self._api = None
        if self._folder:
            self._folder.cleanup()

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._guard:
            self._guard.forget_process(self._process.pid)
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ToxiproxyError("Toxiproxy was not started")
        return self._process

    def _path(self, name: str) -> Path:
        if self._folder is None:
            raise ToxiproxyError("Toxiproxy was not started")
        return Path(self._folder.name) / name
