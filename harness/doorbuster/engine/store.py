"""A run's folder: everything that is needed to judge it again without a database.

``run.json`` holds the texts of the contract, the scenarios and the checks, and the proofs of the faults; each scenario
has a folder with its Parquet tables, its catalogue and the facts that only the engine knew.
"""

import json
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from doorbuster.config.contract import parse_contract
from doorbuster.config.toml_file import validated
from doorbuster.engine.failures import explain
from doorbuster.engine.loading import Job
from doorbuster.engine.proofs import proofs
from doorbuster.host.clock import set_clock, stepped_us
from doorbuster.judge.judge import FACTS, judge_scenario
from doorbuster.model.check import CheckText
from doorbuster.model.contract import Contract
from doorbuster.model.project import Waiver
from doorbuster.model.result import ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.record.seal import seal_journals

RUN_FILE = "run.json"
FORMAT = "doorbuster.run/1"


class NotARun(Exception):
    """A folder that holds no run, or a damaged one; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The texts of a stored run, read back."""

    folder: Path
    contract: Contract
    scenarios: dict[str, Scenario]
    checks: dict[str, CheckText]
    proofs: dict[str, dict[str, str]]
    waivers: tuple[Waiver, ...] = ()


def new_run_folder(out: Path, contract: str, now: datetime) -> Path:
    """Make a new folder under ``out``, named after the time and the contract."""
    name = f"{now:%Y%m%d-%H%M%S}-{re.sub(r'[^A-Za-z0-9_-]+', '-', contract)}"
    for number in range(1, 1000):
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o750, parents=True)  # what shops answer is not for everybody on the machine
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{out / name}: too many runs in one second")


def save_texts(folder: Path, job: Job) -> None:
    """Write ``run.json``."""
    content = {
        "format": FORMAT,
        "contract": {"path": str(job.contract.path), "text": job.contract.text},
        "scenarios": {s.scenario.name: {"path": str(s.path), "text": s.text} for s in job.scenarios},
        "checks": {name: asdict(check) for name, check in job.checks.items()},
        "proofs": {s.scenario.name: proofs(s.scenario, job.contract.contract) for s in job.scenarios},
        "waivers": [{**asdict(waiver), "expires": waiver.expires.isoformat()} for waiver in job.waivers],
    }
    (folder / RUN_FILE).write_text(json.dumps(content, indent=1))


def load_run(folder: Path) -> StoredRun:
    """The stored run in ``folder``.

    Raises:
        NotARun: no run, a damaged one, or one of another format.
    """
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text())
        if content.get("format") != FORMAT:
            raise NotARun(f"{path}: format {content.get('format')!r} is not {FORMAT!r}, the one this version reads")
        return _stored(folder, content)
    except FileNotFoundError:
        raise NotARun(f"{folder}: holds no {RUN_FILE}; give the folder of a run, such as reports/<run>") from None
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as problem:
        raise NotARun(f"{path}: damaged: {problem}") from None


def _stored(folder: Path, content: Mapping[str, Any]) -> StoredRun:
    contract = content["contract"]
    scenarios = content["scenarios"].items()
    return StoredRun(
        folder,
        parse_contract(tomllib.loads(contract["text"]), Path(contract["path"])),
        {name: validated(Scenario, tomllib.loads(s["text"]), Path(s["path"])) for name, s in scenarios},
        {name: _check(check) for name, check in content["checks"].items()},
        content["proofs"],
        tuple(Waiver(**{**w, "expires": date.fromisoformat(w["expires"])}) for w in content.get("waivers", ())),
    )


def _check(content: Mapping[str, Any]) -> CheckText:
    lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
    return CheckText(**{**content, **lists})


def judge_stored(run: StoredRun, name: str) -> ScenarioResult:
    """Judge one scenario of a stored run, sealing its journals first if the run was killed before it did.

    Raises:
        NotARun: the scenario's files are missing or damaged.
    """
    folder = run.folder / name
    if not (folder / FACTS).exists():
        raise NotARun(f"{folder}: the run ended before this scenario's log was read; there is nothing to judge")
    seal_journals(folder)
    return judge_scenario(folder, run.contract, run.scenarios[name], run.checks, run.proofs[name])


@contextmanager
def facts(folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """The facts of a scenario; written on every way out, so that what was recorded can be judged.

    A run that breaks off in the middle says so in ``broken_off``: what its buyers then met tells nothing of the shop.
    """
    set_clock()
    known: dict[str, Any] = {"seed": seed, "start_us": 0, "duration_s": 0.0, "unobservable": "the log was not read"}
    began = time.monotonic()
    try:
        yield known
    except BaseException as problem:
        known["broken_off"] = explain(problem).message
        known["duration_s"] = known["duration_s"] or round(time.monotonic() - began, 3)
        raise
    finally:
        known["clock_stepped_us"] = stepped_us()
        (folder / FACTS).write_text(json.dumps(known))
