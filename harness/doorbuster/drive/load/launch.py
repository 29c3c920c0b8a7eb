"""Locust as a process of its own, watched: what it reports comes as events, and it never outlives us."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from doorbuster.drive.load.plan import ANY_HOST, EVENTS_VARIABLE, PLAN_VARIABLE, STOP_SIGNAL
from doorbuster.host.ports import free_port
from doorbuster.host.resources import resource
from doorbuster.model.distribution import LOOPBACK, Distribution

T = TypeVar("T")
STOP_S = 5.0
ALONE = Distribution()
AUTOMATIC = ["--autostart", "--web-host", LOOPBACK]
QUIET = ["--only-summary", "--exit-code-on-error", "0", "--stop-timeout", "30", "--loglevel", "WARNING"]
SILENT_S = 45.0  # it reports several times a second, but on a busy machine it may take long to start
_ERROR = re.compile(r"(?m)^[\w.]+(?:Error|Exception): .+$")


class DriverFailed(Exception):
    """The driving process ended badly; the message has what it said last."""


class ProcessGuard(Protocol):
    """Kills a process if we die first."""

    def watch_process(self, pid: int) -> None:
        """From now on."""

    def forget_process(self, pid: int) -> None:
        """It has ended."""


class Driver:
    """A running Locust process, with its ``workers`` on this machine and their logs."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        log: Path,
        workers: Sequence[tuple[asyncio.subprocess.Process, Path]] = (),
        spread: Distribution = ALONE,
    ) -> None:
        self._spread = spread
        self._waiting_since: float | None = None
        self._process = process
        self._reader = reader
        self._log = log
        self._workers = workers

    @property
    def pids(self) -> list[int]:
        """The processes that place orders: Locust's workers on this machine, or the only one."""
        return [worker.pid for worker, _ in self._workers] or [self._process.pid]

    def stop(self) -> None:
        """No new orders; those in flight may finish, and then it ends. Not before it has told that it started."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(STOP_SIGNAL)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """What the engine reports, until it has finished.

        Raises:
            DriverFailed: the process ended before its engine had finished, its engine failed, it has fallen silent, or
                workers have not come.
        """
        has_started = False
        while line := await self._within(self._reader.readline()):
            event = json.loads(line)
            has_started = has_started or event["event"] == "started"
            if not has_started:
                self._check_workers()
            if event["event"] == "waiting":
                self._check_patience(event["have"])
            if event["event"] == "finished":
                if event["failure"]:
                    raise DriverFailed(event["failure"])
                await self._within(self._process.wait())
                return
            yield event
        await self._within(self._process.wait())
        raise DriverFailed(f"Locust ended with code {self._process.returncode}: {_tail(self._log)}")

    def _check_workers(self) -> None:
        """A worker that ends before the load begins will never be there."""
        for number, (worker, log) in enumerate(self._workers):
            if worker.returncode is not None:
                raise DriverFailed(f"worker {number} ended with code {worker.returncode}: {_tail(log)}")

    def _check_patience(self, have: int) -> None:
        """So many workers have come; the others are not waited for without end."""
        spread, now_s = self._spread, asyncio.get_running_loop().time()
        self._waiting_since = now_s if self._waiting_since is None else self._waiting_since
        if now_s - self._waiting_since < spread.patience_s:
            return
        raise DriverFailed(
            f"{have} of {spread.workers} workers have come within {spread.patience_s:g} s. Start the others where they "
            f"can reach {spread.bind} (--bind), with 'doorbuster load --worker --master-host {spread.bind} "
            f"--master-port {spread.port}', expect fewer (--expect-workers), or wait longer (--wait-for-workers)"
        )

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(work, SILENT_S)
        except TimeoutError:
            raise DriverFailed(f"Locust has said nothing for {SILENT_S:.0f} s: {_tail(self._log)}") from None


def _tail(log: Path) -> str:
    """What a process said last; of a traceback the error, which is all that a cut-off text may have no room for."""
    try:
        text = log.read_text(errors="replace").strip()
    except OSError:
        return "it left no log"
    errors = _ERROR.findall(text)
    # What goes wrong while Python shuts down comes after the cause.
    return f"{errors[0]} (more in {log})" if errors else text[-2000:]


@asynccontextmanager
async def locust(
    plan: Path, buyers: int, folder: Path, guard: ProcessGuard, spread: Distribution = ALONE, *,
    web_port: int | None = None,
) -> AsyncIterator[Driver]:  # fmt: skip
    """Start Locust on the plan file ``plan`` with ``buyers`` users; all of it is gone when the context ends.

    Where the load is ``spread``, that is a master and the workers of this machine. What they print goes to ``folder``.
    With a ``web_port`` Locust's page is there meanwhile, on the loopback interface.
    """
    read, write = os.pipe()
    environment = {**os.environ, PLAN_VARIABLE: str(plan), EVENTS_VARIABLE: str(write)}
    shown = ["--headless"] if web_port is None else [*AUTOMATIC, "--web-port", str(web_port)]
    users = [*shown, "--users", str(buyers), "--spawn-rate", str(buyers)]
    port = spread.port or free_port()
    async with AsyncExitStack() as stack:
        log = folder / "locust.log"
        start = partial(_started, stack, guard)
        process = await start([*users, *_as_master(spread, port)], log, environment, (write,))
        os.close(write)
        workers = []
        for number in range(spread.processes if spread.is_spread else 0):
            worker_log = folder / f"locust-worker-{number}.log"
            workers.append((await start(worker_arguments(LOOPBACK, port), worker_log, dict(os.environ)), worker_log))
        yield Driver(process, await _reader(read), log, workers, replace(spread, port=port))


@asynccontextmanager
async def _process(
    guard: ProcessGuard, arguments: list[str], log: Path, environment: dict[str, str], pass_fds: tuple[int, ...] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment.pop("LOCUST_SKIP_MONKEY_PATCH", None)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output,
            stderr=output, pass_fds=pass_fds, start_new_session=True,
        )  # fmt: skip
    guard.watch_process(process.pid)
    try:
        yield process
    finally:
        await _end(process)
        guard.forget_process(process.pid)


async def _started(
    stack: AsyncExitStack, guard: ProcessGuard, arguments: list[str], log: Path, environment: dict[str, str],
    pass_fds: tuple[int, ...] = (),
) -> asyncio.subprocess.Process:  # fmt: skip
    whole = locust_arguments(arguments)
    return await stack.enter_async_context(_process(guard, whole, log, environment, pass_fds))


def _as_master(spread: Distribution, port: int) -> list[str]:
    if not spread.is_spread:
        return []
    # Locust's word for all interfaces is a star.
    host = "*" if spread.bind == ANY_HOST else spread.bind
    return ["--master", "--expect-workers", str(spread.workers), "--master-bind-host", host,
            "--master-bind-port", str(port)]  # fmt: skip


def locust_arguments(more: Sequence[str]) -> list[str]:
    """The interpreter's arguments for a Locust of ours."""
    return ["-m", "locust", "-f", str(resource("scenarios/locustfile.py")), *more, *QUIET]


def worker_arguments(host: str, port: int) -> list[str]:
    """Locust's arguments for a worker of the master at ``host``:``port``."""
    return ["--worker", "--master-host", host, "--master-port", str(port)]


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol: Callable[[], asyncio.BaseProtocol] = lambda: asyncio.StreamReaderProtocol(reader)  # noqa: E731
    await asyncio.get_running_loop().connect_read_pipe(protocol, os.fdopen(descriptor, "rb"))
    return reader


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop the process: kindly, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_S)
