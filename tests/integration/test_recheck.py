"""``doorbuster recheck``: the same verdict from the stored files alone; damaged and foreign files are said to be so."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from doorbuster.engine import rechecking
from doorbuster.engine.store import NotARun

from tests.integration.conftest import COMMAND
from tests.judge.recorded import NAME, record


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a good run."""
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    """A copy of it elsewhere."""
    return Path(shutil.copytree(good, tmp_path / "copied"))


def recheck(folder: Path) -> tuple[int, str]:
    # An empty PATH: no server, no Toxiproxy and no Go could be found if somebody looked for them.
    done = subprocess.run(
        [*COMMAND, "recheck", str(folder)], capture_output=True, text=True, timeout=120, check=False, env={"PATH": ""}
    )
    return done.returncode, done.stdout + done.stderr


def result_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def write_result(folder: Path) -> None:
    """What a run writes at its end, by judging it once."""
    assert recheck(folder)[0] == 0


def test_a_copied_run_gives_the_same_checks_without_a_server(copy: Path) -> None:
    write_result(copy)
    first = (copy / "result.json").read_text()
    (copy / "result.json").unlink()
    code, output = recheck(copy)
    assert code == 0, output
    assert result_of(copy)["scenarios"] == json.loads(first)["scenarios"]


def test_a_run_that_was_killed_is_judged_as_far_as_it_got_and_is_no_pass(copy: Path) -> None:
    run = json.loads((copy / "run.json").read_text())
    for part in ("scenarios", "proofs"):
        run[part]["next"] = run[part][NAME]
    (copy / "run.json").write_text(json.dumps(run))
    (copy / "next").mkdir()
    code, output = recheck(copy)
    assert code == 3, output
    assert "killed before it had recorded next" in output
    assert result_of(copy)["verdict"] == "error"
    assert {c["status"] for c in result_of(copy)["scenarios"][0]["checks"]} >= {"holds"}


def test_an_interrupted_run_stays_interrupted(copy: Path) -> None:
    write_result(copy)
    content = result_of(copy) | {"error": "interrupted", "exit_code": 130, "verdict": "error"}
    (copy / "result.json").write_text(json.dumps(content))
    assert recheck(copy)[0] == 130


def test_journals_of_a_killed_writer_are_sealed_first(copy: Path) -> None:
    folder = copy / NAME
    with duckdb.connect() as connection:
        connection.execute(f"copy (from '{folder}/attempts.parquet') to '{folder}/attempts.0.csv' (header false)")
    (folder / "attempts.parquet").unlink()
    with (folder / "attempts.0.csv").open("a") as file:
        file.write("99,torn")
    code, output = recheck(copy)
    assert code == 0, output
    assert not (folder / "attempts.0.csv").exists()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign(path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy (select 1 as something) to '{path}' (format parquet)")


def removed(path: Path) -> None:
    path.unlink()


def garbled(path: Path) -> None:
    path.write_text("{]")


def emptied(path: Path) -> None:
    path.write_text("{}")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (f"{NAME}/attempts.parquet", truncated), (f"{NAME}/attempts.parquet", foreign),
        (f"{NAME}/commits.parquet", removed), (f"{NAME}/changes.parquet", truncated),
        (f"{NAME}/changes.parquet", foreign), (f"{NAME}/requests.parquet", garbled),
        (f"{NAME}/catalogue.json", garbled), (f"{NAME}/catalogue.json", emptied), (f"{NAME}/catalogue.json", removed),
        (f"{NAME}/facts.json", garbled), (f"{NAME}/facts.json", emptied), (f"{NAME}/facts.json", removed),
        ("run.json", garbled), ("run.json", emptied), ("run.json", removed),
    ],
)  # fmt: skip
def test_a_damaged_run_is_an_error_that_names_the_place(copy: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(copy / name)
    with pytest.raises(NotARun) as caught:
        rechecking.recheck(copy, lambda _: lambda _: None)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_tells_of_damage_and_exits_with_3(copy: Path) -> None:
    truncated(copy / NAME / "attempts.parquet")
    code, output = recheck(copy)
    assert code == 3, output
    assert "attempts.parquet: is damaged" in output
