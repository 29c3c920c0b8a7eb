"""After every way out of a run: no process and no scratch folder of its own is left."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import COMMAND, finished

PATIENCE_S = 120


@contextmanager
def started_run(out: Path, scratch: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run in the middle of its load, in a process group of its own."""
    scratch.mkdir()
    scratch.chmod(0o755)
    for parent in scratch.parents:  # the server's unprivileged user must reach its folder
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    process = subprocess.Popen(
        [*COMMAND, "run", "typical_order", "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True, env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        wait_until_none(lambda: [] if any(out.glob("*/typical_order/attempts.0.csv")) else _no_load_yet(process))
        yield process
    finally:
        if process.poll() is None:
            process.kill()


def _no_load_yet(process: "subprocess.Popen[str]") -> list[object]:
    assert process.poll() is None, f"the run ended before its load: {process.communicate()[0]}"
    return ["no load yet"]


def wait_until_none(remaining: Callable[[], Sequence[object]]) -> None:
    """Until nothing remains; an AssertionError that says what does, after a generous while."""
    deadline = time.monotonic() + PATIENCE_S
    while there := remaining():
        assert time.monotonic() < deadline, f"still there: {there}"
        time.sleep(0.05)


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def left(processes: list[psutil.Process], scratch: Path) -> list[object]:
    return [*(p for p in processes if _is_alive(p)), *scratch.glob("doorbuster-*")]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went between the two questions
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_keeps_what_it_saw_and_exits_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    out, scratch = tmp_path / "reports", tmp_path / "scratch"
    with started_run(out, scratch) as process:
        processes = below(process.pid)
        assert len(processes) >= 4
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert left(processes, scratch) == []
    run = finished(process.returncode, output, out)
    assert run.result["exit_code"] == 130
    assert run.folder is not None
    assert (run.folder / "typical_order" / "attempts.parquet").exists()


def test_a_killed_run_leaves_nothing_within_seconds(tmp_path: Path) -> None:
    out, scratch = tmp_path / "reports", tmp_path / "scratch"
    with started_run(out, scratch) as process:
        processes = below(process.pid)
        process.kill()
        process.wait()
    wait_until_none(lambda: left(processes, scratch))
