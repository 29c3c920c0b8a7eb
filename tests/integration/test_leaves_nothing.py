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

PATIENCE_S = 60


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
        wait_until_none(lambda: [] if any(out.glob("*/typical_order/attempts.0.csv")) else ["no load yet"])
        yield process
    finally:
        if process.poll() is None:
            process.kill()


def wait_until_none(remaining: Callable[[], Sequence[object]]) -> None:
    """Until nothing remains; an AssertionError that says what does, after a generous while."""
    deadline = time.monotonic() + PATIENCE_S
    while there := remaining():
        assert time.monotonic() < deadline, f"still there: {there}"
        time.sleep(0.05)


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def left(processes: list[psutil.Process], scratch: Path) -> list[object]:
    alive = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    return [*alive, *scratch.glob("doorbuster-*")]


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
