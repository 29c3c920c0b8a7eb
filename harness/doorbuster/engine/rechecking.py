"""Judging a stored run again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from doorbuster.engine.store import NotARun, StoredRun, judge_stored, load_run
from doorbuster.engine.waivers import waived
from doorbuster.judge.judge import FACTS
from doorbuster.model.check import CheckText
from doorbuster.model.events import Event, RunFinished, RunStarted, ScenarioFinished
from doorbuster.model.result import RunResult, ScenarioResult, SourceLine
from doorbuster.model.verdict import worst

Emit = Callable[[Event], None]


def recheck(folder: Path, listener: Callable[[Mapping[str, CheckText]], Emit]) -> RunResult:
    """Judge every scenario of the run in ``folder``; ``listener`` makes a listener from the stored checks.

    Raises:
        NotARun: no run, or a damaged one.
    """
    run = load_run(folder)
    emit = listener(run.checks)
    earlier = _earlier(folder)
    names = [name for name in run.scenarios if (folder / name / FACTS).exists()]
    if not names:
        raise NotARun(f"{folder}: no scenario got as far as its log, so there is nothing to judge")
    emit(RunStarted(folder, run.contract.name, tuple(names), int(earlier.get("seed", 0))))
    results = [_judged(run, name, _replays(earlier, name), emit) for name in names]
    verdict = worst(r.verdict for r in results)
    result = RunResult(
        verdict=verdict,
        exit_code=verdict.exit_code,
        seed=int(earlier.get("seed", results[0].seed)),
        started=str(earlier.get("started", "")),
        duration_s=float(earlier.get("duration_s", 0.0)),
        command=str(earlier.get("command", "")),
        postgres=earlier.get("postgres", {}),
        toxiproxy=earlier.get("toxiproxy", {}),
        contract=earlier.get("contract", {"name": run.contract.name, "function_sha256": ""}),
        scenarios=tuple(results),
        environment=earlier.get("environment", {}),
        notices=tuple(dict.fromkeys([*earlier.get("notices", ()), "judged again from the stored run"])),
        error=earlier.get("error"),
        sources=tuple(SourceLine(**{**s, "touches": tuple(s["touches"])}) for s in earlier.get("sources", ())),
    )
    emit(RunFinished(folder, result))
    return result


def _judged(run: StoredRun, name: str, replays: Mapping[str, str], emit: Emit) -> ScenarioResult:
    judged = judge_stored(run, name)
    checks = tuple(replace(check, replay=replays.get(check.name)) for check in judged.checks)
    result = waived(replace(judged, checks=checks), run.waivers, run.checks)
    emit(ScenarioFinished(result))
    return result


def _replays(earlier: Mapping[str, Any], name: str) -> dict[str, str]:
    """The commands that the run itself gave to show a scenario's violations again, by check."""
    found = (s for s in earlier.get("scenarios", ()) if s.get("name") == name)
    return {c["name"]: c["replay"] for s in found for c in s.get("checks", ()) if c.get("replay")}


def _earlier(folder: Path) -> dict[str, Any]:
    """What the run itself wrote; nothing, where it was killed before it could."""
    try:
        content = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
