"""Crashes at every statement and under load, on a real server that is killed for it."""

from pathlib import Path

import psutil
from doorbuster.engine.aftermath import LOST
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.crash import GENTLE
from doorbuster.model.events import Event, Progress
from doorbuster.model.verdict import Verdict

from tests.drive.conftest import Drive, violated


def test_at_every_statement_the_hardened_function_leaves_all_or_nothing(drive: Drive) -> None:
    result = drive("crash")
    assert result.verdict is Verdict.PASS
    told = result.crashes
    assert told is not None
    assert told["not_reached"] == 0
    assert {row["place"].split()[0] for row in told["strip"]} == set(GENTLE)
    assert told["same_order_on_retry"] == told["ambiguous"] > 0
    assert {row["happened"] for row in told["strip"]} == {"nothing happened", LOST}


def test_a_killed_backend_and_a_killed_server_recover_to_all_or_nothing(drive: Drive) -> None:
    result = drive("crash", kinds=["kill_backend", "kill_server"], lines=1)
    assert result.verdict is Verdict.PASS
    assert result.crashes is not None
    assert result.crashes["not_reached"] == 0
    assert result.crashes["down_most_ms"] > 0


def test_two_calls_are_convicted_at_the_statements_after_the_first(drive: Drive) -> None:
    result = drive("crash", "two_calls", kinds=["cancel", "kill_client"])
    assert {"partial_order", "conservation"} <= violated(result)
    assert result.crashes is not None
    assert {row["happened"] for row in result.crashes["strip"] if not row["violated"]} == {"nothing happened"}


def test_a_server_killed_between_two_calls_leaves_half_an_order(drive: Drive) -> None:
    result = drive("crash", "two_calls", kinds=["kill_server", "kill_client"])
    assert result.crashes is not None
    rows = {(row["place"].split()[0], row["where"]): row for row in result.crashes["strip"]}
    for kind in ("kill_server", "kill_client"):
        row = rows[kind, "between create-order-items and update-inventory"]
        assert row["happened"] == "half done, not answered"
        assert {"conservation", "partial_order"} <= set(row["violated"].split(", "))
        assert rows[kind, "between check and create-order"]["happened"] == "nothing happened"


def test_a_killed_client_takes_nothing_back(drive: Drive) -> None:
    result = drive("crash", "application_rollback", kinds=["kill_client"])
    assert result.crashes is not None
    assert not [row for row in result.crashes["strip"] if row["happened"].startswith("taken back")]


def test_one_place_can_be_gone_to_again(drive: Drive) -> None:
    result = drive("crash", "two_calls", only="cancel 13.1")
    assert "partial_order" in violated(result)
    assert result.crashes is not None
    assert result.crashes["places"] == 1


def test_kills_under_load_lose_nothing_and_each_aimed_one_finds_an_unanswered_order(drive: Drive) -> None:
    result = drive("crash", at="load", kills=4, aimed=2)
    assert result.verdict is Verdict.PASS
    told = result.crashes
    assert told is not None
    assert (told["kills"], told["aimed"], told["ambiguous"], told["same_order_on_retry"]) == (4, 2, 2, 2)


def test_under_load_each_kind_meets_an_order_in_the_middle_and_leaves_its_mark(drive: Drive) -> None:
    kinds = ["cancel", "terminate", "kill_client", "kill_backend"]
    result = drive("crash", at="load", load_kinds=kinds, kills=4)
    assert result.verdict is Verdict.PASS
    assert {fault.name: fault.marks > 0 for fault in result.faults} == dict.fromkeys(kinds, True)


def is_server(process: psutil.Process) -> bool:
    try:
        return "postgres -D" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_a_server_that_somebody_else_kills_is_no_fault_of_the_shop(tmp_path: Path) -> None:
    def kill_it_for_good(event: Event) -> None:
        if isinstance(event, Progress):  # once the server is back after our own kill
            servers = [p for p in psutil.Process().children(recursive=True) if is_server(p)]
            # One that a server has just forked still goes by its name.
            mains = [p for p in servers if p.ppid() not in {other.pid for other in servers}]
            max(mains, key=psutil.Process.create_time).kill()

    content = {
        "name": "killed", "kind": "crash", "description": "A test.", "recovery_s": 1,
        "crash": {"at": "load", "kills": 1},
    }  # fmt: skip
    job = job_of(resource("scenarios/contracts/create_order_with_inventory.toml"), content)
    result = run(job, RunSettings(out=tmp_path, seed=7, command="test"), kill_it_for_good)
    assert result.verdict is Verdict.ERROR
    assert result.error is not None
    assert "the Postgres server is gone" in result.error
    assert violated(result.scenarios[0]) == set()


def test_a_server_that_answers_before_it_stores_is_convicted(drive: Drive) -> None:
    result = drive("crash", at="load", kills=4, settings={"synchronous_commit": "off"})
    assert "lost_order" in violated(result)
