"""A small process that outlives the harness by seconds and removes what the harness could not.

The harness holds the writing end of a pipe. When the harness ends in any way, SIGKILL included, the kernel closes it;
the guardian then ends what it still watches, deletes the folders it still watches, and goes. After an orderly end
nothing is watched any more.

Standard library only, so that it starts in a few hundredths of a second.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from doorbuster.host import process_table, remains
from doorbuster.host.process_table import ProcessId

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 2.0
CLEANING_S = 30.0
LOOK_S = 1.0
BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Guardian:
    """Ends processes and deletes folders should the harness die; a context manager.

    The methods are quick and may be called from any thread. In a forked child of the harness they do nothing. If the
    guardian process itself has been killed they do nothing either: then the next run sweeps (``scratch.sweep``).
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
        self._owner = os.getpid()
        # Blocked signals are inherited, so that the guardian is deaf to them from its first instruction.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "doorbuster.host.guardian"],  # -P: a json.py may lie in the current folder
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # else whoever reads the harness's output would wait for the guardian too
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._send({"harness": _words(process_table.identify(self._owner))})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is None or os.getpid() != self._owner:
            return
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it goes on by itself
            self._process.wait(CLEANING_S)
        self._process = None

    @property
    def pid(self) -> int | None:
        """The guardian process, while there is one."""
        return self._process.pid if self._process else None

    def watch_process(self, pid: int, stop_signal: int = signal.SIGTERM) -> None:
        """Should the harness die, the process gets ``stop_signal``, and what is left of its tree SIGKILL.

        A process that is gone already is not watched; the number's next holder is safe.
        """
        self._send({"watch": _words(process_table.identify(pid)), "signal": int(stop_signal)})

    def forget_process(self, pid: int) -> None:
        """The process has ended, or may live."""
        self._send({"forget": pid})

    def watch_folder(self, path: Path) -> None:
        """Should the harness die, the processes that live in the folder are killed and it is deleted.

        Raises:
            ValueError: the path is relative, or one that must never be deleted.
        """
        if not path.is_absolute() or len(path.resolve().parts) < 3 or path.resolve() == Path("~").expanduser():
            raise ValueError(f"refusing to delete {path}")
        self._send({"watch_folder": str(path)})

    def forget_folder(self, path: Path) -> None:
        """The folder is deleted, or may stay."""
        self._send({"forget_folder": str(path)})

    def watch_task(self, name: str, module: str, text: str) -> None:
        """Should the harness die, ``python -m module`` is run with ``text`` as its input, for what no signal removes.

        Secrets belong into ``text``: an argument could be seen by every user of the machine.
        """
        self._send({"watch_task": name, "module": module, "text": text})

    def forget_task(self, name: str) -> None:
        """The task need not be done any more."""
        self._send({"forget_task": name})

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None or os.getpid() != self._owner:
            return
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()


class Watch:
    """What the guardian knows: processes with their stop signals, folders, tasks, and who the harness is."""

    def __init__(self) -> None:
        self.processes: dict[int, tuple[ProcessId, int]] = {}
        self.folders: dict[str, None] = {}
        self.tasks: dict[str, tuple[str, str]] = {}
        self.harness: ProcessId | None = None

    def take(self, message: dict[str, Any]) -> None:
        """Takes in one message; unknown ones are ignored."""
        if words := message.get("harness"):
            self.harness = ProcessId(*words)
        if words := message.get("watch"):
            self.processes[words[0]] = (ProcessId(*words), message["signal"])
        if "forget" in message:
            self.processes.pop(message["forget"], None)
        if "watch_folder" in message:
            self.folders[message["watch_folder"]] = None
        if "forget_folder" in message:
            self.folders.pop(message["forget_folder"], None)
        if "watch_task" in message:
            self.tasks[message["watch_task"]] = (message["module"], message["text"])
        if "forget_task" in message:
            self.tasks.pop(message["forget_task"], None)

    def clean(self) -> None:
        """Ends the processes with their trees, deletes the folders, and does the tasks."""
        trees = [p for process, _ in self.processes.values() for p in process_table.tree(process)]
        for process, stop_signal in self.processes.values():
            process_table.send(process, stop_signal)
        left = process_table.wait_gone(trees, GRACE_S)
        process_table.kill_all([p for process in left for p in process_table.tree(process)])
        for folder in self.folders:
            remains.remove_folder(Path(folder))
        for module, text in self.tasks.values():
            _do(module, text)


def _do(module: str, text: str) -> None:
    """Runs a module of ours with ``text`` as its input, for a limited time."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            [sys.executable, "-P", "-m", module], input=text, text=True, timeout=CLEANING_S, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _words(process: ProcessId | None) -> tuple[int, str] | None:
    return (process.pid, process.mark) if process else None


def _listen(watch: Watch) -> None:
    """Takes messages until the pipe ends, or the harness is gone though a forked child still holds the pipe."""
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], LOOK_S)
        if not ready:
            if watch.harness and not process_table.is_alive(watch.harness):
                return
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            watch.take(json.loads(line))


def main() -> None:
    """The guardian process: reads messages from standard input to the end, then cleans up."""
    watch = Watch()
    _listen(watch)
    watch.clean()


if __name__ == "__main__":
    main()
