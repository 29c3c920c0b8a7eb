"""Whole scenarios of one kind, run in this process against a real server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.result import ScenarioResult

Drive = Callable[..., ScenarioResult]


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Drives a scenario of a kind with these settings on a standing contract, and judges it."""

    def driven(kind: str, contract: str = "create_order_with_inventory", **settings: Any) -> ScenarioResult:
        path = resource(f"scenarios/contracts/{contract}.toml")
        content = {"name": kind, "kind": kind, "description": "A test.", kind: settings}
        result = run(job_of(path, content), RunSettings(out=tmp_path, seed=7, command="test"), lambda _: None)
        assert result.error is None
        (scenario,) = result.scenarios
        return scenario

    return driven


def violated(result: ScenarioResult) -> set[str]:
    """The names of the violated checks."""
    return {check.name for check in result.checks if check.violations}
