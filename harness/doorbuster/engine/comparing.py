"""A run beside an earlier one. What it is compared with is kept in its folder: who judges again compares again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from doorbuster.config.compared import RelativeThreshold, parse_relative
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.judge.compare import compare
from doorbuster.judge.profiles import FILE, Baseline, NotABaseline, baseline_of, load_baseline, save_baseline
from doorbuster.model.comparison import Comparison
from doorbuster.model.result import RunResult
from doorbuster.model.verdict import Verdict

COMPARED_WITH = "compared-with.json"
THRESHOLDS = "compared-by.json"
SEED = 0x0D00B057


@dataclass(frozen=True, slots=True)
class ComparedWith:
    """What a run is to be compared with: a ``baseline`` called ``name``, by ``thresholds``."""

    name: str
    baseline: Baseline
    thresholds: tuple[RelativeThreshold, ...] = ()


def compared_with(path: Path | None, expressions: Sequence[str]) -> ComparedWith | None:
    """What the command line says, read before anything starts.

    Raises:
        ConfigError: a bad threshold, or no baseline.
    """
    mistakes, thresholds = [], []
    for expression in expressions:
        try:
            thresholds.append(parse_relative(expression))
        except ValueError as problem:
            mistakes.append(Mistake("--against", str(problem)))
    baseline = None
    if path is not None:
        try:
            baseline = load_baseline(path)
        except NotABaseline as problem:
            mistakes.append(Mistake("--baseline", str(problem)))
    elif expressions:
        mistakes.append(Mistake("--against", "needs a --baseline to compare with"))
    if mistakes:
        raise ConfigError(mistakes)
    return ComparedWith(str(path), baseline, tuple(thresholds)) if baseline else None


def keep(folder: Path, wanted: ComparedWith) -> None:
    """Keep in the run's folder what it is compared with."""
    save_baseline(wanted.baseline, folder / COMPARED_WITH)
    content = {"name": wanted.name, "thresholds": [threshold.expression for threshold in wanted.thresholds]}
    (folder / THRESHOLDS).write_text(json.dumps(content))


def with_comparison(folder: Path, result: RunResult) -> RunResult:
    """Leave the run's own baseline for later ones, and compare it with what :func:`keep` kept, if it did.

    A threshold that is surely broken makes a run slow, and one that cannot be told to hold inconclusive.
    """
    own = baseline_of(folder, result)
    if own.scenarios:
        save_baseline(own, folder / FILE)
    if not (folder / COMPARED_WITH).exists():
        return result
    content = json.loads((folder / THRESHOLDS).read_text())
    thresholds = [parse_relative(expression) for expression in content["thresholds"]]
    comparison = compare(load_baseline(folder / COMPARED_WITH), own, thresholds, SEED, content["name"])
    verdict = _verdict(result.verdict, comparison)
    exit_code = result.exit_code if verdict is result.verdict else verdict.exit_code
    return replace(result, comparison=comparison, verdict=verdict, exit_code=exit_code)


def _verdict(verdict: Verdict, comparison: Comparison) -> Verdict:
    """Inconclusive goes before slow."""
    if verdict in (Verdict.PASS, Verdict.SLOW) and comparison.is_undecided:
        return Verdict.INCONCLUSIVE
    return Verdict.SLOW if verdict is Verdict.PASS and comparison.is_broken else verdict


def as_json(comparison: Comparison) -> str:
    """For other programs."""
    return json.dumps(asdict(comparison), indent=1)
