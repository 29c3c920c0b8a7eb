"""Loads as a user has them: on several processes, with a worker killed, over networks; stalls; loads ended early."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
from doorbuster.config.contract import load_contract
from doorbuster.drive.arrivals import instants
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.engine.stage import StageOptions
from doorbuster.engine.store import judge_stored, load_run
from doorbuster.host.ports import free_port
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import ThresholdStatus
from doorbuster.model.distribution import Distribution
from doorbuster.model.events import Event, Notice, Progress
from doorbuster.model.result import RunResult
from doorbuster.model.scenario import Phase
from doorbuster.model.verdict import Verdict
from doorbuster.report.registry import ReportSettings, all_reports

PHASE: dict[str, Any] = {"name": "steady", "duration_s": 3.0, "rate": 80.0, "spacing": "even"}
REQUIRED = ["conservation", "partial_order", "lost_order"]


def load(
    out: Path, *limits: str, contract: Path | None = None, spread: Distribution | None = None,
    hear: Callable[[Event], None] = lambda _: None, work: dict[str, Any] | None = None, **phase: Any,
) -> RunResult:  # fmt: skip
    """A load in this process; ``phase`` and ``work`` go over what it has by default."""
    content = {
        "name": "load", "kind": "load", "description": "A test.", "thresholds": list(limits),
        "workload": {"arrivals": "rate", "buyers": 8, "products": 50, "stock": 10_000, **(work or {})},
        "phases": [{**PHASE, **phase}], "checks": {"require": REQUIRED},
    }  # fmt: skip
    settings = RunSettings(out=out, seed=5, command="test", options=StageOptions(spread=spread or Distribution()))
    return run(job_of(contract, content), settings, hear)


def expected(**phase: Any) -> int:
    return len(list(instants(Phase(**{**PHASE, **phase}), "even", Random(0))))


def test_two_workers_give_one_verdict_over_all_orders(tmp_path: Path) -> None:
    result = load(tmp_path, spread=Distribution(processes=2))
    assert result.verdict is Verdict.PASS
    (scenario,) = result.scenarios
    assert scenario.orders == expected() == 240
    folder = next(tmp_path.iterdir())
    assert judge_stored(load_run(folder), "load").verdict is Verdict.PASS
    assert {path.name for path in (folder / "load").glob("locust*.log")} == {
        "locust.log", "locust-worker-0.log", "locust-worker-1.log"}  # fmt: skip
    assert not list((folder / "load").glob("*.csv"))
    assert not (folder / "load" / "shared.mark").exists()


class KillsAWorker:
    """Kills the youngest Locust worker of this process once some orders are done."""

    def __init__(self, after: int) -> None:
        self._after = after
        self.killed: int | None = None
        self.notices: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.notices.append(event.text)
        if isinstance(event, Progress) and event.done >= self._after and self.killed is None:
            workers = [p for p in psutil.Process().children() if "--worker" in p.cmdline()]
            self.killed = max(workers, key=lambda p: p.create_time()).pid
            os.kill(self.killed, signal.SIGKILL)


def test_a_worker_that_dies_is_noticed_and_none_of_its_orders_is_forgotten(tmp_path: Path) -> None:
    killer = KillsAWorker(after=40)
    result = load(tmp_path, spread=Distribution(processes=2), hear=killer, duration_s=4.0)
    assert killer.killed is not None
    assert any("is lost" in text for text in killer.notices)
    assert result.verdict is Verdict.ERROR
    assert "was lost" in str(result.error)
    (scenario,) = result.scenarios
    assert {check.name for check in scenario.checks if check.violations} == set()
    (phase,) = scenario.phases
    assert phase.dropped > 0
    assert phase.orders + phase.dropped == expected(duration_s=4.0) == 320


def test_a_threshold_ends_a_load(tmp_path: Path) -> None:
    notices: list[str] = []
    limit = "max < 0.0001ms abort_on_fail after 1s"
    result = load(
        tmp_path, limit, duration_s=60.0, hear=lambda e: notices.append(e.text) if isinstance(e, Notice) else None
    )
    assert result.verdict is Verdict.SLOW
    assert any("the load was ended" in text for text in notices)
    (scenario,) = result.scenarios
    assert scenario.thresholds[0].status is ThresholdStatus.VIOLATED
    assert 0 < scenario.orders < expected(duration_s=60.0)


STALL = """
create or replace function create_and_stall(order_data jsonb, items jsonb[]) returns jsonb language plpgsql as $$
begin
    if (select count(*) from orders) = 60 then
        if pg_try_advisory_xact_lock(42) then   -- one of them takes everything for itself, for two seconds
            lock table products in access exclusive mode;
            perform pg_sleep(2);
        end if;
    end if;
    return create_order_with_inventory(order_data, items);
end $$;
"""


@pytest.fixture
def stalling(tmp_path: Path) -> Path:
    """A contract whose server stalls for two seconds in the middle of a load."""
    own = resource("scenarios/contracts/create_order_with_inventory.toml")
    (tmp_path / "stall.sql").write_text(STALL)
    place = load_contract(own).contract.place.sql
    assert place is not None
    call = place.replace("create_order_with_inventory(", "create_and_stall(")
    files = [*load_contract(own).contract.schema.files, str(tmp_path / "stall.sql")]
    contract = tmp_path / "stalling.toml"
    contract.write_text(
        f'extends = "{own}"\n[schema]\nfiles = {files!r}\n[place]\nsql = """{call}"""\n[buyer]\ntimeout_s = 10.0\n'
    )
    return contract


def test_a_server_that_stalls_for_two_seconds_is_seen_in_p99_and_named(tmp_path: Path, stalling: Path) -> None:
    told = StringIO()
    reports = all_reports(ReportSettings(texts=standard_checks(), stdout=told))
    result = load(tmp_path / "runs", "p99 < 500ms", contract=stalling, hear=reports.on, duration_s=5.0, rate=40.0)
    assert result.verdict is Verdict.SLOW
    (scenario,) = result.scenarios
    assert (scenario.phases[0].p99_ms or 0) > 1500
    stall = max(scenario.stalls, key=lambda one: one.length_s)
    assert stall.length_s > 1.5
    assert stall.orders > 40
    assert "no answer for" in next((tmp_path / "runs").glob("*/report.html")).read_text()
    assert "although nothing was broken on purpose" in " ".join(told.getvalue().split())


def _base(number: int) -> str:
    """What the addresses of a network begin with: others may test on this machine at the same time."""
    return f"10.{64 + os.getpid() % 128}.{number}"


@contextmanager
def network(number: int) -> Iterator[list[str]]:
    """A network namespace with an address of its own; what to put before a command that is to run in it."""
    mark, base = f"{os.getpid()}{number}", _base(number)
    name, outside, inside = f"dbt{mark}", f"dbo{mark}", f"dbi{mark}"
    steps = [
        ["netns", "add", name], ["link", "add", outside, "type", "veth", "peer", "name", inside],
        ["link", "set", inside, "netns", name], ["addr", "add", f"{base}.1/24", "dev", outside],
        ["link", "set", outside, "up"], ["-n", name, "addr", "add", f"{base}.2/24", "dev", inside],
        ["-n", name, "link", "set", inside, "up"], ["-n", name, "link", "set", "lo", "up"],
        ["-n", name, "route", "add", "default", "via", f"{base}.1"],
    ]  # fmt: skip
    try:
        for step in steps:
            subprocess.run(["ip", *step], check=True, capture_output=True)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "link", "del", outside], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _may_make_networks() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        return False
    try:
        with network(9) as prefix:
            return subprocess.run([*prefix, "unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
    except subprocess.CalledProcessError:
        return False


@pytest.mark.skipif(not _may_make_networks(), reason="network namespaces cannot be made here: needs root and ip")
def test_two_workers_on_two_networks_ship_their_histories_to_one_verdict(tmp_path: Path) -> None:
    out, port = tmp_path / "runs", free_port()
    out.mkdir()
    worker = [sys.executable, "-m", "doorbuster", "load", "--worker", "--master-host", "{host}", "--master-port",
              str(port)]  # fmt: skip
    hidden = f"mount -t tmpfs none {out} && exec \"$@\""  # so that nothing but the network connects them
    with network(1) as one, network(2) as two:
        workers = [
            subprocess.Popen(
                [*prefix, "unshare", "-m", "sh", "-c", hidden, "sh", *(a.format(host=host) for a in worker)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for prefix, host in ((one, f"{_base(1)}.1"), (two, f"{_base(2)}.1"))
        ]  # fmt: skip
        try:
            spread = Distribution(processes=0, guests=2, bind="0.0.0.0", port=port)
            result = load(out, spread=spread)
            assert [w.wait(timeout=30) for w in workers] == [0, 0]
        finally:
            for process in workers:
                process.kill()
                process.wait()
    assert result.error is None
    (scenario,) = result.scenarios
    assert (scenario.verdict, scenario.orders) == (Verdict.PASS, 240)


def test_workers_who_do_not_come_are_not_waited_for_without_end(tmp_path: Path) -> None:
    result = load(tmp_path, spread=Distribution(processes=1, guests=1, port=free_port(), patience_s=3))
    assert result.exit_code == 3
    assert result.error is not None
    assert "1 of 2 workers have come within 3 s" in result.error
    assert "doorbuster load --worker --master-host 127.0.0.1 --master-port" in result.error
    assert "--wait-for-workers" in result.error


def test_a_burst_is_not_spread(tmp_path: Path) -> None:
    content = {
        "name": "burst", "kind": "load", "description": "A test.",
        "workload": {"arrivals": "burst", "buyers": 4, "stock": 1},
    }  # fmt: skip
    settings = RunSettings(
        out=tmp_path, seed=5, command="test", options=StageOptions(spread=Distribution(processes=2))
    )
    result = run(job_of(None, content), settings, lambda _: None)
    assert result.exit_code == 2
    assert "one process" in str(result.error)
