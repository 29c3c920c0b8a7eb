"""Locust as a process of its own, watched: what it reports comes as events, and it never outlives us."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from doorbuster.drive.load.plan import EVENTS_VARIABLE, PLAN_VARIABLE
from doorbuster.host.resources import resource

T = TypeVar("T")
STOP_S = 5.0
SILENT_S = 45.0  # it reports several times a second, but on a busy machine it may take long to start


class DriverFailed(Exception):
    """The driving process ended badly; the message has what it said last."""


class ProcessGuard(Protocol):
    """Kills a process if we die first."""

    def watch_process(self, pid: int) -> None:
        """From now on."""

    def forget_process(self, pid: int) -> None:
        """It has ended."""


class Driver:
    """A running Locust process."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, log: Path) -> None:
        self._process = process
        self._reader = reader
        self._log = log

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """What the engine reports, until it has finished.

        Raises:
            DriverFailed: the process ended before its engine had finished, its engine failed, or it has fallen silent.
        """
        while line := await self._within(self._reader.readline()):
            event = json.loads(line)
            if event["event"] == "finished":
                if event["failure"]:
                    raise DriverFailed(event["failure"])
                await self._within(self._process.wait())
                return
            yield event
        await self._within(self._process.wait())
        raise DriverFailed(f"Locust ended with code {self._process.returncode}: {self._tail()}")

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(work, SILENT_S)
        except TimeoutError:
            raise DriverFailed(f"Locust has said nothing for {SILENT_S:.0f} s: {self._tail()}") from None

    def _tail(self) -> str:
        with suppress(OSError):
            return self._log.read_text(errors="replace")[-2000:].strip()
        return "it left no log"


@asynccontextmanager
async def locust(plan: Path, buyers: int, log: Path, guard: ProcessGuard) -> AsyncIterator[Driver]:
    """Start Locust on the plan file ``plan`` with ``buyers`` users; it is gone when the context ends."""
    read, write = os.pipe()
    environment = {**os.environ, PLAN_VARIABLE: str(plan), EVENTS_VARIABLE: str(write), "LOCUST_SKIP_MONKEY_PATCH": ""}
    environment = {k: v for k, v in environment.items() if v}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_command(buyers), env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=[write], start_new_session=True,
        )  # fmt: skip
    os.close(write)
    guard.watch_process(process.pid)
    try:
        yield Driver(process, await _reader(read), log)
    finally:
        await _end(process)
        guard.forget_process(process.pid)


def _command(buyers: int) -> list[str]:
    users = ["--users", str(buyers), "--spawn-rate", str(buyers)]
    file = str(resource("scenarios/locustfile.py"))
    quiet = ["--only-summary", "--exit-code-on-error", "0", "--stop-timeout", "30", "--loglevel", "WARNING"]
    return [sys.executable, "-m", "locust", "-f", file, "--headless", *users, *quiet]


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
