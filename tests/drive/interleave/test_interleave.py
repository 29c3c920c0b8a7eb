"""Every order of the statements inside real functions, on a real server."""

import json
from pathlib import Path
from typing import Any

import pytest
from doorbuster.engine.loading import job_of
from doorbuster.engine.replaying import NotASchedule, came_back, read_schedule
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.crowd import spelled
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict

from tests.drive.conftest import Drive, violated

LEVELS = ["read committed", "repeatable read", "serializable"]


def without_locks(folder: Path) -> Path:
    """The contract of the function as first published, whose read of the stock locks nothing."""
    text = resource("sql/first_published.sql").read_text()
    assert text.count("for update") == 1
    (folder / "unlocked.sql").write_text(text.replace("for update", ""))
    contract = folder / "unlocked.toml"
    files = [str(resource("sql/schema.sql")), str(folder / "unlocked.sql")]
    parent = resource("scenarios/contracts/first_published.toml")
    contract.write_text(f"extends = {json.dumps(str(parent))}\n[schema]\nfiles = {json.dumps(files)}\n")
    return contract


def driven(contract: Path, out: Path, content: dict[str, Any]) -> ScenarioResult:
    result = run(job_of(contract, content), RunSettings(out=out, seed=7, command="test"), lambda _: None)
    assert result.error is None
    return result.scenarios[0]


def scenario(**settings: Any) -> dict[str, Any]:
    return {"name": "orders", "kind": "interleave", "description": "A test.", "interleave": settings}


def told(result: ScenarioResult) -> dict[str, Any]:
    assert result.schedules is not None
    assert result.schedules["infeasible"] == 0
    assert not [crowd["uncontrolled"] for crowd in result.schedules["crowds"] if crowd["uncontrolled"]]
    return result.schedules


def test_a_function_without_its_lock_is_convicted_by_one_switch_and_replayed_every_time(tmp_path: Path) -> None:
    contract = without_locks(tmp_path)
    result = driven(contract, tmp_path, scenario(crowds=["last_unit"], preemptions=1, exhaust=0))
    failure = next(f for f in told(result)["failing"] if "oversold" in f["checks"])
    assert failure["preemptions"] <= 1
    assert not told(result)["exhausted"]
    (folder,) = tmp_path.glob("*-first_published*")
    recorded = read_schedule(folder / "orders" / failure["file"])
    assert recorded.contract == contract
    again = driven(contract, tmp_path, recorded.scenario(times=20))
    assert came_back(again, recorded) == (20, 20)
    mended = driven(resource("scenarios/contracts/first_published.toml"), tmp_path, recorded.scenario(times=3))
    assert came_back(mended, recorded) == (0, 0)  # it now waits where it went on: no such schedule


def test_the_function_as_first_published_is_exhausted_and_never_oversells(drive: Drive) -> None:
    result = drive("interleave", "first_published", crowds=["last_unit"], buyers=3, most=5)
    assert told(result)["exhausted"]
    assert violated(result) == set()
    assert told(result)["gathered"] == 3 * 6  # three times in each order of three
    assert set(told(result)["crowds"][0]["answers"]) == {
        "ok / sold_out / sold_out", "sold_out / ok / sold_out", "sold_out / sold_out / ok"
    }  # fmt: skip


def test_crossed_carts_and_the_same_key_convict_the_function_as_first_published(tmp_path: Path) -> None:
    content = scenario(crowds=["crossed", "same_key"]) | {"checks": {"require": ["deadlock"]}}
    result = driven(resource("scenarios/contracts/first_published.toml"), tmp_path, content)
    assert told(result)["exhausted"]
    assert violated(result) == {"deadlock", "duplicate_order"}
    crossed = next(f for f in told(result)["failing"] if "deadlock" in f["checks"])
    assert crossed["preemptions"] == 1
    # Whoever closed the circle was ended by the server, and the other went on.
    (ended,) = [answer for row in crossed["rows"] for answer in row["answers"] if answer["code"] == "40P01"]
    (wait,) = [wait for row in crossed["rows"] for wait in row["waits"]]
    assert (wait["for"], wait["what"]) == (f"buyer {ended['buyer']}", "products")
    assert [row["goes_on"] for row in crossed["rows"] if row["goes_on"]] == [[wait["buyer"]]]
    assert "replay" in (next(c.replay for c in result.checks if c.name == "deadlock") or "")


def test_the_hardened_function_holds_at_every_level(drive: Drive) -> None:
    result = drive("interleave", crowds=["both_fit", "crossed", "same_key_last"], isolation=LEVELS, preemptions=0)
    assert result.verdict is Verdict.PASS
    assert told(result)["exhausted"]
    assert {level["verdict"] for level in told(result)["levels"]} == {"holds in every schedule"}
    assert result.outcomes["aborted"] > 0


def test_reduction_loses_no_outcome(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"preemptions": 0, "exhaust": 2000, "overlaps": 0}
    for contract, crowds in (
        (resource("scenarios/contracts/first_published.toml"), ["last_unit", "same_key"]),
        (without_locks(tmp_path), ["last_unit"]),
    ):
        reduced, all_of_them = (
            told(driven(contract, tmp_path, scenario(crowds=crowds, reduced=reduced, **settings)))
            for reduced in (True, False)
        )
        assert reduced["exhausted"]
        assert all_of_them["exhausted"]
        assert all_of_them["explored"] > reduced["explored"]
        for one, other in zip(reduced["crowds"], all_of_them["crowds"], strict=True):
            assert set(one["answers"]) == set(other["answers"])
            assert set(one["broken"]) == set(other["broken"])


@pytest.mark.parametrize("contract", ["two_calls", "application_rollback"])
def test_flows_of_several_calls_are_convicted_between_them(drive: Drive, contract: str) -> None:
    result = drive("interleave", contract, crowds=["last_unit"], preemptions=1, most=40, exhaust=0, random=10)
    assert "oversold" in violated(result)
    assert next(f for f in told(result)["failing"] if "oversold" in f["checks"])["preemptions"] == 1
    assert told(result)["crowds"][0]["random"] == 10
    assert told(result)["crowds"][0]["guaranteed"] > 0


def test_two_cancellations_at_once_are_convicted_where_units_come_back_twice(tmp_path: Path) -> None:
    content = scenario(crowds=["restocked", "cancelled", "cancelled_twice"])
    contracts = resource("scenarios/contracts/reserved_counter")
    right, wrong = (driven(contracts / f"{name}.toml", tmp_path, content) for name in ("contract", "broken"))
    assert right.verdict is Verdict.PASS
    assert told(right)["exhausted"]
    assert [crowd["crowd"] for crowd in told(right)["crowds"]] == ["restocked", "cancelled", "cancelled_twice"]
    (failure,) = told(wrong)["failing"]
    assert (failure["crowd"], failure["checks"], failure["preemptions"]) == ("cancelled_twice", ["conservation"], 1)


def test_hypothesis_draws_crowds_and_the_smallest_that_breaks_a_check_is_told(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"crowds": [], "drawn": 20, "buyers": 3, "most": 12, "exhaust": 0, "overlaps": 0}
    result = driven(resource("scenarios/contracts/first_published.toml"), tmp_path, scenario(**settings))
    failing = {check: spelled(f["crowd"]) for f in told(result)["failing"] for check in f["checks"]}
    # It knows no keys: one order sent twice is two, as soon as two fit.
    smallest = failing["duplicate_order"]
    assert smallest.repeats
    assert smallest.size[:2] <= (3, 3)
    assert "oversold" not in violated(result)
    assert len({crowd["crowd"] for crowd in told(result)["crowds"]}) == len(told(result)["crowds"]) >= 20


def test_nothing_is_found_where_crowds_are_drawn_for_the_hardened_function(drive: Drive) -> None:
    named = "2a 1b: 1a 1b, 1b 1a, as 1"
    result = drive("interleave", crowds=[named], drawn=10, buyers=3, most=12, exhaust=0, overlaps=0)
    assert violated(result) == set()
    crowds = [crowd["crowd"] for crowd in told(result)["crowds"]]
    assert crowds[0] == named
    assert len(crowds) == 11  # nothing was shrunk


def test_a_file_that_holds_no_schedule_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    for text in ("{}", "[", json.dumps({"schema": "doorbuster.schedule/1", "schedule": "1,3", "buyers": 2})):
        file.write_text(text)
        with pytest.raises(NotASchedule):
            read_schedule(file)
