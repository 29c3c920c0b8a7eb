"""Judging a stored run again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from doorbuster.engine.comparing import with_comparison
from doorbuster.engine.failures import INTERRUPTED, USAGE
from doorbuster.engine.store import NotARun, StoredRun, judge_stored, load_run
from doorbuster.engine.waivers import waived
from doorbuster.judge.checks import BadCheck
from doorbuster.judge.judge import FACTS
from doorbuster.judge.views import BadMapping, DamagedRun
from doorbuster.model.check import CheckText
from doorbuster.model.events import Event, RunFinished, RunStarted, ScenarioFinished
from doorbuster.model.result import RunResult, ScenarioResult, SourceLine
from doorbuster.model.verdict import Verdict, worst

Emit = Callable[[Event], None]
# What reading a damaged or foreign run can raise: its files are somebody else's by now.
_DAMAGE = (DamagedRun, BadMapping, BadCheck, duckdb.Error, OSError, ValueError, KeyError, TypeError)


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
    not_reached = tuple(earlier.get("not_reached", ()))
    error = earlier.get("error") or _unfinished(run, [*names, *not_reached])
    verdict = worst(r.verdict for r in results)
    if error is not None and verdict is not Verdict.VIOLATION:
        verdict = Verdict.ERROR
    result = RunResult(
        verdict=verdict,
        exit_code=_exit_code(verdict, earlier),
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
        error=error,
        budget_s=earlier.get("budget_s"),
        not_reached=not_reached,
        sources=tuple(SourceLine(**{**s, "touches": tuple(s["touches"])}) for s in earlier.get("sources", ())),
    )
    result = with_comparison(folder, result)
    emit(RunFinished(folder, result))
    return result


def _unfinished(run: StoredRun, judged: Sequence[str]) -> str | None:
    """What a run that was killed never got to, or None: a run that lacks scenarios must not be read as a pass."""
    missing = [name for name in run.scenarios if name not in judged]
    return f"the run was killed before it had recorded {', '.join(missing)}" if missing else None


def _exit_code(verdict: Verdict, earlier: Mapping[str, Any]) -> int:
    """The verdict's; an interrupted run stays interrupted."""
    code = earlier.get("exit_code")
    return int(code) if verdict is Verdict.ERROR and code in (USAGE, INTERRUPTED) else verdict.exit_code


def _judged(run: StoredRun, name: str, replays: Mapping[str, str], emit: Emit) -> ScenarioResult:
    try:
        judged = judge_stored(run, name)
    except _DAMAGE as problem:
        told = f"lacks {problem}" if isinstance(problem, KeyError) else str(problem)
        place = "" if str(run.folder / name) in told else f"{run.folder / name}: damaged: "
        raise NotARun(place + told) from problem
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
