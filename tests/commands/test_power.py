"""``doorbuster power`` as a user starts it."""

import json
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "doorbuster", "power"]
LIMIT_S = 240


def power(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_two_workers_convict_two_functions_and_leave_a_page_and_figures(tmp_path: Path) -> None:
    names = ("--only", "off_by_one", "--only", "clamp")
    done = power(*names, "--scenario", "stateful", "--jobs", "2", "--seed", "5", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "convicted: 2 of 2 (100.0%" in done.stdout
    (folder,) = tmp_path.iterdir()
    content = json.loads((folder / "power.json").read_text())
    assert [(t["name"], t["fate"], t["seed"]) for t in content["trials"]] == [
        ("clamp", "convicted", 5), ("off_by_one", "convicted", 5)
    ]  # fmt: skip
    assert content["postgres"]["version"]
    assert "off_by_one" in (folder / "power.html").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["power.html", "power.json"]


def test_every_mistake_on_the_command_line_is_exit_2_and_leaves_no_folder(tmp_path: Path) -> None:
    done = power("--only", "of_by_one", "--only", "clmp", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "of_by_one: no such variant" in done.stderr
    assert "clmp: no such variant" in done.stderr
    assert list(tmp_path.iterdir()) == []
