"""A Postgres of our own on this machine: a copy of a template data folder, on the loopback interface only."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from doorbuster.host import process_table, remains
from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.host.process_table import ProcessId
from doorbuster.host.processes import spawn, unprivileged_user
from doorbuster.host.scratch import scratch_folder
from doorbuster.model.server import ServerCapabilities
from doorbuster.postgres import data_folder
from doorbuster.postgres.binaries import Binaries
from doorbuster.postgres.connect import set_password, uri
from doorbuster.postgres.errors import ServerError
from doorbuster.postgres.settings import DEFAULTS, LOCAL

START_S = 60.0
STOP_S = 10.0
PORT_TRIES = 10
POLL_S = 0.005
TAIL_LINES = 20
STATUS_LINE = 7  # of postmaster.pid, counted from zero


class EmbeddedServer:
    """A disposable server for the length of a ``with`` block; a ``doorbuster.model.server.Server``.

    Its superuser has a random password, and it listens on 127.0.0.1 alone. Whatever ends the block, or the harness, the
    server and its folder are gone afterwards. Methods block for some tenths of a second and need no event loop.
    """

    host = LOOPBACK
    user = data_folder.SUPERUSER
    runtime = "embedded"
    prefix = ""

    def __init__(
        self,
        binaries: Binaries,
        guardian: Guardian,
        *,
        settings: Mapping[str, str] | None = None,
        max_connections: int = 200,
        port: int | None = None,
        choose_port: Callable[[], int] = free_port,
        base: Path | None = None,
    ) -> None:
        """``settings`` go over those of ``settings.py``; without ``port`` one is chosen, again if somebody was faster.

        ``base`` is where the server's folder is made: a temporary folder, if not given.
        """
        self.binaries = binaries
        self.password = secrets.token_urlsafe(24)
        self._settings = {"max_connections": str(max_connections)} | DEFAULTS | LOCAL | dict(settings or {})
        self._guardian = guardian
        self._wanted_port = port
        self._choose_port = choose_port
        self._port: int | None = None
        self._base = base
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return f"EmbeddedServer({self.version}, port={self._port})"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    @property
    def port(self) -> int:
        """The TCP port, the same from first start to the end."""
        if self._port is None:
            raise ServerError("the server was never started")
        return self._port

    @property
    def version(self) -> str:
        """Such as "18.6"."""
        return self.binaries.version

    @property
    def capabilities(self) -> ServerCapabilities:
        """It can be killed; its log is a witness unless ``settings`` say otherwise."""
        return ServerCapabilities(can_crash=True, logical=self._settings["wal_level"] == "logical")

    @property
    def log_path(self) -> Path:
        """The server's log, plain text; grows over restarts and is deleted with the server."""
        return self._scratch() / "postgres.log"

    @property
    def pid(self) -> int:
        """The postmaster. ServerError when it does not run."""
        return self._running().pid

    def dsn(self, database: str) -> str:
        """A connection URI with the password: for connecting, never for showing."""
        return uri(self.user, self.password, self.host, self.port, database)

    def redacted_dsn(self, database: str) -> str:
        """A connection URI that may be shown."""
        return uri(self.user, "***", self.host, self.port, database)

    def start(self) -> None:
        """Starts it, on the first call with a fresh data folder, and waits until it accepts connections.

        Raises:
            ServerError: it does not start, or runs already.
        """
        if self._process is not None and self._process.poll() is None:
            raise ServerError("the server runs already")
        if self._process is not None:
            self._bury()
        if self._folder is None:
            self._create()
        else:
            self._launch(self.port)

    def stop(self) -> None:
        """Ends it with a checkpoint, breaking off its sessions; the data stay. Harmless when it does not run."""
        self._shut_down(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to every process of the server, and waits until they are gone. The data stay as they are.

        Raises:
            ServerError: it does not run, or the kernel does not let go of a process.
        """
        process = self._running()
        # Stopped, the postmaster can neither start another process nor react to the deaths of these.
        process.send_signal(signal.SIGSTOP)
        left = process_table.kill_all(process_table.tree_of(process.pid), STOP_S)
        process.wait()
        self._bury(left)

    def kill_backend(self, pid: int) -> None:
        """SIGKILL to one of the server's processes; harmless if it is gone.

        Raises:
            ServerError: the server does not run, or the process is not one of its.
        """
        backend = process_table.identify(pid)
        if backend is None:
            return
        if backend not in process_table.tree_of(self._running().pid):
            raise ServerError(f"process {pid} is none of the server's")
        process_table.send(backend, signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP to every process of the server, its parent first, which then starts no other.

        Raises:
            ServerError: it does not run.
        """
        self._signal_all(self._running().pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT to every process of the server."""
        if self._process is not None and self._process.poll() is None:
            self._signal_all(self._process.pid, signal.SIGCONT)

    def cpu_s(self) -> float | None:
        """The processor time of its processes so far, those that have ended included."""
        return process_table.cpu_s(self._process.pid) if self._process is not None else None

    def restart(self) -> None:
        """Starts it again on the same port after ``kill`` or ``stop``; returns when recovery is over.

        Raises:
            ServerError: it does not start, or runs already.
        """
        self.start()

    def _signal_all(self, pid: int, number: signal.Signals) -> None:
        for process in process_table.tree_of(pid):
            process_table.send(process, number)

    def _create(self) -> None:
        self._folder = self._stack.enter_context(scratch_folder(self._guardian, self._base))
        origin = data_folder.template(self.binaries)
        data_folder.copy(origin, self._data(), self._settings)
        for _ in range(PORT_TRIES):
            port = self._wanted_port or self._choose_port()
            if self._try_launch(port):
                self._port = port
                set_password(uri(self.user, origin.password, self.host, port, "postgres"), self.password)
                return
            if self._wanted_port:
                break
        raise ServerError(f"no port to listen on{self._last_words()}")

    def _launch(self, port: int) -> None:
        """On a port that was ours before; an outgoing connection of the machine may hold it for a moment."""
        end = time.monotonic() + STOP_S
        while not self._try_launch(port):
            if time.monotonic() > end:
                raise ServerError(f"port {port} was taken while the server was down{self._last_words()}")
            time.sleep(10 * POLL_S)

    def _try_launch(self, port: int) -> bool:
        """Starts the server and waits; returns False if the port is taken."""
        command = [str(self.binaries.program("postgres")), "-D", str(self._data()), "-p", str(port)]
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self._open_log() as log:
            self._process = spawn(command, self._data(), unprivileged_user(), log)
        self._guardian.watch_process(self._process.pid, signal.SIGQUIT)  # at this Postgres ends all its processes
        try:
            self._wait_until_ready(self._process)
        except ServerError:
            self._shut_down(signal.SIGQUIT)
            if b"could not create any TCP/IP sockets" in self.log_path.read_bytes()[log_start:]:
                return False
            raise
        return True

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Reads what the postmaster itself says: a mere connection could be answered by somebody else's server."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if process.poll() is not None:
                raise ServerError(f"the server ended with {process.returncode} at its start{self._last_words()}")
            if self._says_ready(process.pid):
                return
            time.sleep(POLL_S)
        raise ServerError(f"the server did not get ready in {START_S:.0f} s{self._last_words()}")

    def _says_ready(self, pid: int) -> bool:
        try:
            lines = self._lock_file().read_text().splitlines()
        except OSError:
            return False
        return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE].strip() == "ready"

    def _shut_down(self, first: signal.Signals) -> None:
        """Ends the server by ``first``, else at once, else by force."""
        if self._process is None:
            return
        for number in (first, signal.SIGQUIT):
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            self._ended()
            return
        self.kill()

    def _bury(self, left: Sequence[ProcessId] = ()) -> None:
        """After the postmaster's sudden death: waits for its orphans, and clears away what would block a start."""
        self._ended()
        if left := [*left, *process_table.kill_all(process_table.living_in(self._data()), STOP_S)]:
            raise ServerError(f"processes {[p.pid for p in left]} of the server survived SIGKILL")
        # All are gone, and another process may have the postmaster's number by now, which would block the next start.
        remains.remove_segment(self._lock_file())
        self._lock_file().unlink(missing_ok=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise ServerError(f"the server does not run{self._last_words()}")
        return self._process

    def _ended(self) -> None:
        if self._process is not None:
            self._guardian.forget_process(self._process.pid)
            self._process = None

    def _remove(self) -> None:
        try:
            self._shut_down(signal.SIGQUIT)  # no checkpoint of data that are about to be deleted
        finally:
            self._stack.close()
            self._folder = None

    def _open_log(self) -> BinaryIO:
        return os.fdopen(os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")

    def _scratch(self) -> Path:
        if self._folder is None:
            raise ServerError("the server was never started, or is gone")
        return self._folder

    def _data(self) -> Path:
        return self._scratch() / "data"

    def _lock_file(self) -> Path:
        return self._data() / "postmaster.pid"

    def _last_words(self) -> str:
        if self._folder is None or not self.log_path.exists():
            return ""
        lines = self.log_path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "; its last words:\n" + "\n".join(lines)
