"""Which processes there are, told apart even when the kernel gives a number to a second process.

Standard library only on Linux, because the guardian must start fast; elsewhere psutil, imported at first use.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = Path("/proc/self/stat").exists()
POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for ever: its number, and a mark of when it started that no later holder of the number shares."""

    pid: int
    mark: str


@dataclass(frozen=True, slots=True)
class _Entry:
    id: ProcessId
    parent: int
    zombie: bool
    on_terminal: bool


def identify(pid: int) -> ProcessId | None:
    """The process that holds the number now; None if nobody does. A zombie counts as nobody."""
    entry = _entry(pid)
    return None if entry is None or entry.zombie else entry.id


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs: not another with its number, and no zombie."""
    return identify(process.pid) == process


def tree(root: ProcessId) -> list[ProcessId]:
    """The process, if it is alive, and all its descendants, parents first."""
    if not is_alive(root):
        return []
    children: dict[int, list[ProcessId]] = {}
    for entry in _entries():
        children.setdefault(entry.parent, []).append(entry.id)
    found = [root]
    for process in found:  # grows while it is walked
        found += children.get(process.pid, [])
    return found


def tree_of(pid: int) -> list[ProcessId]:
    """The tree of the process that holds the number now."""
    root = identify(pid)
    return tree(root) if root else []


def living_in(folder: Path) -> list[ProcessId]:
    """Processes whose working directory is the folder or below it; those of other users may be invisible.

    A Postgres server and its backends stay in their data folder, so this finds what nobody registered. Processes on a
    terminal are left out: somebody has gone there to look.
    """
    background = [e.id for e in _entries() if not e.zombie and not e.on_terminal]
    inside = [p for p in background if _is_within(_working_folder(p.pid), folder)]
    return [p for p in inside if p.pid != os.getpid()]


def send(process: ProcessId, number: int) -> None:
    """Sends a signal, unless the process is gone already or its number belongs to another."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def wait_gone(processes: Iterable[ProcessId], timeout_s: float) -> list[ProcessId]:
    """Waits until none is left, at most ``timeout_s`` seconds; returns those that are."""
    end = time.monotonic() + timeout_s
    left = [p for p in processes if is_alive(p)]
    while left and time.monotonic() < end:
        time.sleep(POLL_S)
        left = [p for p in left if is_alive(p)]
    return left


def kill_all(processes: Iterable[ProcessId], timeout_s: float = 5.0) -> list[ProcessId]:
    """SIGKILL to each, then waits; returns those that the kernel still has after ``timeout_s`` seconds."""
    doomed = list(processes)
    for process in doomed:
        send(process, signal.SIGKILL)
    return wait_gone(doomed, timeout_s)


def cpu_s(pid: int) -> float | None:
    """Processor time, user and system, of a process, its living descendants, and those it has waited for, in seconds.

    None where the machine does not tell, or the process is gone.
    """
    ticks = [t for process in tree_of(pid) if HAS_PROC and (t := _ticks(process.pid)) is not None]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def _ticks(pid: int) -> int | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return sum(int(word) for word in text.rpartition(")")[2].split()[11:15])


def _is_within(path: Path | None, folder: Path) -> bool:
    return path is not None and path.is_relative_to(folder)


def _entries() -> list[_Entry]:
    return [entry for pid in _pids() if (entry := _entry(pid)) is not None]


def _pids() -> list[int]:
    if HAS_PROC:
        return [int(path.name) for path in PROC.iterdir() if path.name.isdecimal()]
    import psutil

    return psutil.pids()


def _entry(pid: int) -> _Entry | None:
    return _linux_entry(pid) if HAS_PROC else _psutil_entry(pid)


def _linux_entry(pid: int) -> _Entry | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (OSError, ValueError):
        return None
    # "pid (name) state parent …": the name may hold anything, parentheses and blanks included.
    fields = text.rpartition(")")[2].split()
    return _Entry(ProcessId(pid, f"{this_boot()}/{fields[19]}"), int(fields[1]), fields[0] in "ZX", fields[4] != "0")


def _psutil_entry(pid: int) -> _Entry | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            zombie = process.status() == psutil.STATUS_ZOMBIE
            mark, on_terminal = str(process.create_time()), process.terminal() is not None
            return _Entry(ProcessId(pid, mark), process.ppid(), zombie, on_terminal)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


@lru_cache(maxsize=1)
def this_boot() -> str:
    """Names this boot of this machine, if it can be known: start times count from it, and lease files outlive it."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _working_folder(pid: int) -> Path | None:
    if HAS_PROC:
        try:
            return Path(str((PROC / str(pid) / "cwd").readlink()).removesuffix(" (deleted)"))
        except OSError:  # gone, or another user's
            return None
    import psutil

    try:
        return Path(psutil.Process(pid).cwd())
    except psutil.Error:
        return None
