"""A pull request that drops FOR UPDATE, in a scratch repository, with the action's own commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doorbuster.host.resources import resource

ROOT = Path(__file__).parents[2]
LOCKED = "where id = (item ->> 'product_id')::integer\n        for update;"


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A shop's repository on a branch, with the function as first published and a gate of one scenario."""
    folder = tmp_path / "shop"
    (folder / "db").mkdir(parents=True)
    for name in ("schema", "first_published"):
        shutil.copy(resource(f"sql/{name}.sql"), folder / "db" / f"{name}.sql")
    contract = resource("scenarios/contracts/first_published.toml").read_text().replace("../../sql/", "db/")
    (folder / "contract.toml").write_text(contract)
    (folder / "doorbuster.toml").write_text('contract = "contract.toml"\nscenarios = ["last_item"]\n')
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "A shop")
    git(folder, "checkout", "-b", "faster")
    return folder


def action_step(name: str) -> dict[str, str]:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return next(step for step in action["runs"]["steps"] if step.get("name") == name)


def run_gate(repository: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the action's step as GitHub's runner would."""
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "CI": "true",
        "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(repository), "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "CONFIG": "doorbuster.toml", "ARGUMENTS": "--seed 7",
        "OUT": str(tmp_path / "out"),
    }  # fmt: skip
    script = action_step("Gate")["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=300)


def test_a_pull_request_that_drops_for_update_fails_at_its_line(repository: Path, tmp_path: Path) -> None:
    function = repository / "db" / "first_published.sql"
    before = function.read_text()
    assert LOCKED in before
    function.write_text(before.replace(LOCKED, "where id = (item ->> 'product_id')::integer;"))
    git(repository, "commit", "-am", "Lock less")
    done = run_gate(repository, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    text = function.read_text()
    line = text[: text.index("select stock_quantity")].count("\n") + 1
    annotations = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    assert f"::error file=db/first_published.sql,line={line},title=" in "\n".join(annotations)
    assert any("oversold in last_item" in annotation for annotation in annotations)
    assert len(annotations) == len({annotation.split("title=")[1] for annotation in annotations}) <= 10
    assert "sold more than there was" in (tmp_path / "summary.md").read_text().replace("&#32;", " ")
    assert f"report={tmp_path / 'out'}" in (tmp_path / "output").read_text()
    assert 'file="db/first_published.sql"' in (tmp_path / "out" / "junit.xml").read_text()
    assert list((tmp_path / "out").glob("*/report.html"))


def test_the_same_repository_passes_with_the_lock(repository: Path, tmp_path: Path) -> None:
    done = run_gate(repository, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::error" not in done.stdout


def test_a_waiver_lets_it_pass_and_says_so(repository: Path, tmp_path: Path) -> None:
    function = repository / "db" / "first_published.sql"
    function.write_text(function.read_text().replace(LOCKED, "where id = (item ->> 'product_id')::integer;"))
    with (repository / "doorbuster.toml").open("a") as file:
        for check in ("oversold", "false_sold_out", "conservation"):
            file.write(f'[[waive]]\ncheck = "{check}"\nreason = "ticket 7"\nexpires = 2999-01-01\n')
    done = run_gate(repository, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "oversold in last_item: waived until 2999-01-01: ticket 7, " in " ".join(done.stdout.split())
