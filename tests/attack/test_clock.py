"""The wall clock is set while a real load runs: a run measures on, and says what it cannot tell any more."""

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.attack.campaign import scratch

SOURCE = Path(__file__).with_name("clock_step.c")
LIMIT_S = 120


@pytest.fixture(scope="module")
def steppable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that, preloaded, gives processes a wall clock that can be stepped."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler (cc) on Linux: the stepped clock cannot be built")
    library = tmp_path_factory.mktemp("clock") / "clock_step.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True)
    return library


def stepped_run(library: Path, base: Path, step_s: float) -> dict[str, Any]:
    """The result of a load in the middle of which the clock of every process of the run but Toxiproxy was stepped."""
    preloaded, offset = base / "clock_step.so", base / "offset"
    shutil.copy(library, preloaded)
    preloaded.chmod(0o755)
    offset.write_bytes(struct.pack("q", 0))
    offset.chmod(0o644)  # for Postgres, too, which may run as somebody else
    load = ["load", "--rate", "100", "--duration", "3", "--out", str(base / "out")]
    command = [sys.executable, "-m", "doorbuster", *load]
    environment = {**os.environ, "LD_PRELOAD": str(preloaded), "CLOCK_STEP_FILE": str(offset)}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LIMIT_S
        while not [f for f in (base / "out").glob("*/load/attempts*") if f.stat().st_size > 0]:
            assert run.poll() is None, "it ended before an order was recorded"
            assert time.monotonic() < end, "no order was recorded"
            time.sleep(0.05)
        with offset.open("r+b") as file:
            file.write(struct.pack("q", int(step_s * 1e9)))
        run.wait(LIMIT_S)
    finally:
        run.kill()
        run.wait()
    (result,) = (base / "out").glob("*/result.json")
    told = json.loads(result.read_text())
    assert told["error"] is None
    (scenario,) = told["scenarios"]
    return dict(scenario)


@pytest.mark.parametrize("step_s", [3600.0, -5.0])
def test_latencies_stay_true_and_what_needs_the_servers_clock_is_unobservable(steppable: Path, step_s: float) -> None:
    with scratch() as base:
        scenario = stepped_run(steppable, base, step_s)
    assert scenario["verdict"] in ("pass", "slow")  # on a crowded machine it may truly be slow
    (phase,) = scenario["phases"]
    assert 0 < phase["p50_ms"] < phase["max_ms"] < 4000
    blind = {check["name"]: check["reason"] for check in scenario["checks"] if check["status"] == "unobservable"}
    assert {"stale_commit", "turned_away"} <= blind.keys()
    assert set(blind.values()) == {f"the wall clock was set by {step_s * 1000:+,.0f} ms during the scenario"}
    assert [check["name"] for check in scenario["checks"] if check["status"] == "violated"] == []
