"""Contracts put under test in this process, on one server for all of them."""

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from doorbuster.engine.first_order import place_first_order, unusable
from doorbuster.engine.house import House
from doorbuster.engine.kinds import KINDS
from doorbuster.engine.loading import Job, job_of
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import judge_stored, load_run, new_run_folder, save_texts
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.host.resources import resource
from doorbuster.host.scratch import scratch_folder
from doorbuster.model.result import ScenarioResult
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.deploy import deploy_files
from doorbuster.postgres.runtimes import PostgresChoice, runtime_of

Judge = Callable[..., ScenarioResult]
_numbers = count(1)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """A house without a contract: each test deploys its own beside the others'."""
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    with ExitStack() as stack:
        guardian = stack.enter_context(Guardian())
        scratch = stack.enter_context(scratch_folder(guardian))
        binary = find_toxiproxy(None, cache_folder(), lambda _: None)
        toxiproxy = stack.enter_context(ToxiproxyServer(binary, guard=guardian, base=scratch))
        runtime = runtime_of(PostgresChoice(pg_bin=Path(named) if named else None), guardian)
        server = stack.enter_context(runtime.open())
        yield House(guardian, scratch, runtime, server, toxiproxy, "template1")


@pytest.fixture
def judged(house: House, tmp_path: Path) -> Judge:
    """Runs one scenario, given as a kind and what its TOML says more, on a contract file, and judges it."""

    def run(contract: Path, kind: str, **content: Any) -> ScenarioResult:
        name = f"contract_{next(_numbers)}"
        # The scenario's name becomes the database's: two at once on one server would clash.
        job = job_of(contract, {"name": name, "kind": kind, "description": "A test.", **content})
        return asyncio.run(_run(replace(house, template=f"{name}_template"), job, tmp_path, lambda _: None))

    return run


async def _run(house: House, job: Job, out: Path, emit: Callable[[Any], None]) -> ScenarioResult:
    contract, scenario = job.contract.contract, job.scenarios[0].scenario
    files = [Path(file) for file in contract.schema.files]

    async def deploy(dsn: str) -> None:
        await deploy_files(dsn, files)

    await Databases(house.server).create_template(house.template, deploy)
    try:
        end = await place_first_order(house.server, house.template, contract, 7)
        if (failed := unusable(end, contract, 7)) is not None:
            return failed
        folder = new_run_folder(out, re.sub(r"\W", "_", contract.name), datetime.now(UTC).astimezone())
        save_texts(folder, job)
        (folder / scenario.name).mkdir()
        await KINDS[scenario.kind](Stage(house, contract, scenario, 7, folder / scenario.name, emit))
        return judge_stored(load_run(folder), scenario.name)
    finally:
        await Databases(house.server).drop(house.template)


def example(shape: str, form: str = "contract") -> Path:
    """The file of one of the worked examples."""
    return resource(f"scenarios/contracts/{shape}/{form}.toml")


def violated(result: ScenarioResult) -> dict[str, Any]:
    """The violated checks with what they say."""
    return {c.name: c.example or c.reason for c in result.checks if c.violations}


def required_open(result: ScenarioResult) -> dict[str, str]:
    """Required checks that were not exercised or not observable, with the reason."""
    return {c.name: f"{c.status.value}: {c.reason}" for c in result.checks if c.required and c.status.value in
            ("unexercised", "unobservable")}  # fmt: skip
