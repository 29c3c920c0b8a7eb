"""Whole drills against a real server: short ones; and whatever ends them, what was broken is whole or gone."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
import tomli_w
from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.loading import load_job
from doorbuster.engine.run import RunSettings, run
from doorbuster.faults.disk_full import PLACE_VARIABLE
from doorbuster.host.resources import resource
from doorbuster.model.verdict import Verdict

PATIENCE_S = 90


def scenario(folder: Path, duration_s: float, *faults: dict[str, Any]) -> Path:
    """A drill's file: eight buyers who order steadily for ``duration_s``."""
    content = {
        "name": "short_drill", "kind": "load", "description": "A test.",
        "workload": {"arrivals": "rate", "buyers": 8, "products": 10, "stock": 100_000, "lines": [1, 3]},
        "phases": [{"name": "all", "duration_s": duration_s, "rate": 60}],
        "faults": list(faults),
        "checks": {"require": ["conservation", "partial_order", "lost_order", "unfinished"]},
    }  # fmt: skip
    path = folder / "short_drill.toml"
    path.write_text(tomli_w.dumps(content))
    return path


def test_a_drill_heals_recovers_and_says_what_it_could_not_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))  # which is no empty folder, so no disk is filled
    path = scenario(
        tmp_path, 8,
        {"name": "still", "kind": "server_stalled", "start_s": 1.5, "duration_s": 1},
        {"name": "full", "kind": "disk_full", "start_s": 3, "duration_s": 0.5},
        {"name": "gone", "kind": "failover", "start_s": 4, "duration_s": 0.5},
    )  # fmt: skip
    job = load_job(resource("scenarios/contracts/create_order_with_inventory.toml"), [str(path)])
    result = run(job, RunSettings(out=tmp_path, seed=7, command="test"), lambda _: None)
    assert result.error is None
    (drilled,) = result.scenarios
    assert not [check for check in drilled.checks if check.violations]
    marks = {fault.name: fault.marks for fault in drilled.faults}
    assert marks["still"] > 0
    assert marks["gone"] > 0
    assert marks["full"] == 0
    assert drilled.verdict is Verdict.INCONCLUSIVE  # a fault that was not had is no pass
    assert "is no empty folder" in next(fault.proof for fault in drilled.faults if fault.name == "full")
    assert {fault.target for fault in drilled.faults} == {"server"}
    assert [r.fault for r in drilled.recoveries] == ["still", "gone"]
    assert all(r.first_good_ms is not None for r in drilled.recoveries)
    told = [(h.what, h.fault) for h in drilled.journal if h.fault]
    assert told == [
        ("applied", "still"), ("healed", "still"), ("unavailable", "full"), ("applied", "gone"), ("healed", "gone"),
    ]  # fmt: skip
    assert any("automatic recovery in progress" in line.text for line in drilled.server_log)


def test_two_faults_of_the_server_do_not_overlap(tmp_path: Path) -> None:
    path = scenario(
        tmp_path, 8,
        {"kind": "server_stalled", "start_s": 2, "duration_s": 3}, {"kind": "failover", "start_s": 4, "duration_s": 1},
    )  # fmt: skip
    with pytest.raises(ConfigError, match="'failover' begins before 'server_stalled' is over"):
        load_job(None, [str(path)])


@contextmanager
def drill(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """``doorbuster drill`` in a process group of its own, with its scratch folder in ``folder``."""
    scratch = folder / "scratch"
    scratch.mkdir()
    scratch.chmod(0o755)
    for parent in scratch.parents:  # the server's unprivileged user must reach its folder
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    process = subprocess.Popen(
        [sys.executable, "-m", "doorbuster", "drill", *arguments, "--out", str(folder / "reports"), "--seed", "7"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch), "COLUMNS": "300"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_drill_that_is_killed_in_the_middle_of_a_fault_leaves_nothing_broken(tmp_path: Path) -> None:
    path = scenario(tmp_path, 40, {"kind": "server_stalled", "start_s": 0.5, "duration_s": 30},
                    {"kind": "disk_full", "start_s": 32, "duration_s": 1})  # fmt: skip
    with drill(tmp_path, str(path)) as process:
        wait_until(lambda: any("applied" in file.read_text() for file in tmp_path.glob("reports/*/*/journal.txt")))
        below = psutil.Process(process.pid).children(recursive=True)
        assert any(p.status() == psutil.STATUS_STOPPED for p in below)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(below))
        wait_until(lambda: not list((tmp_path / "scratch").glob("doorbuster-*")))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_a_drill_on_hold_says_where_everything_is_and_ctrl_c_is_no_interruption(tmp_path: Path) -> None:
    path = scenario(tmp_path, 4, {"kind": "slow", "start_s": 1, "duration_s": 1, "parameters": {"latency_ms": 20}})
    with drill(tmp_path, str(path), "--hold", "--hold-for", "80") as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "recorded tables" in line:
                break
        told = "".join(said)
        said_verdict = re.search(r"short_drill: (pass|slow|inconclusive); the shop stays up", told)
        assert said_verdict, told  # on a crowded machine it may well be slow
        for name in ("direct", "through_toxiproxy"):
            (file,) = (tmp_path / "scratch").glob(f"doorbuster-*/{name}.dsn")
            assert file.stat().st_mode & 0o077 == 0
            assert str(file) in told
            assert asyncio.run(_orders(file.read_text())) > 0
        url = next(word for line in said for word in line.split() if word.startswith("http://127.0.0.1"))
        assert httpx.get(url).json()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert "taking it down, as asked" in rest
    assert process.returncode == Verdict(said_verdict[1]).exit_code, rest
    assert not list((tmp_path / "scratch").glob("doorbuster-*"))


async def _orders(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("select count(*) from orders"))
    finally:
        await connection.close()
