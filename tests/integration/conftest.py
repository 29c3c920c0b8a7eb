"""Whole runs, as a user starts them: the command line in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doorbuster.host.resources import resource

LIMIT_S = 240
COMMAND = [sys.executable, "-m", "doorbuster"]


@dataclass(frozen=True)
class Finished:
    """A run that is over; ``result`` is its result.json, empty where there is none."""

    exit_code: int
    output: str
    folder: Path | None
    result: dict[str, Any]

    def scenario(self, name: str) -> dict[str, Any]:
        """The scenario's result."""
        return next(s for s in self.result["scenarios"] if s["name"] == name)

    def check(self, scenario: str, name: str) -> dict[str, Any]:
        """A check's result."""
        return next(c for c in self.scenario(scenario)["checks"] if c["name"] == name)


Doorbuster = Callable[..., Finished]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where runs go."""
    return tmp_path / "reports"


@pytest.fixture
def doorbuster(out: Path) -> Doorbuster:
    """Runs ``doorbuster run …`` to its end."""

    def run(*arguments: str, environment: dict[str, str] | None = None) -> Finished:
        process = subprocess.run(
            [*COMMAND, "run", *arguments, "--out", str(out)],
            capture_output=True, text=True, timeout=LIMIT_S, check=False, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        return finished(process.returncode, process.stdout + process.stderr, out)

    return run


def finished(exit_code: int, output: str, out: Path) -> Finished:
    """The run that ended last in the folder ``out``."""
    folders = sorted(out.glob("*/"), key=lambda folder: folder.stat().st_mtime)
    folder = folders[-1] if folders else None
    path = folder / "result.json" if folder else None
    result = json.loads(path.read_text()) if path and path.exists() else {}
    return Finished(exit_code, output, folder, result)


def contract(name: str) -> str:
    """The path of one of the project's contracts."""
    return str(resource(f"scenarios/contracts/{name}.toml"))
