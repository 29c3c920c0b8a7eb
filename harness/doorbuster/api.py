"""The Python API: what the command line does, for people who script. Import it as ``doorbuster``.

    import doorbuster

    result = doorbuster.run("last_item", contract="shop.toml", seed=7)
    result.assert_pass()
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Literal

from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.engine.house import Tools
from doorbuster.engine.loading import Job, load_job
from doorbuster.engine.rechecking import recheck as _recheck
from doorbuster.engine.run import RunSettings
from doorbuster.engine.run import run as _run
from doorbuster.model.check import CheckResult, CheckStatus, CheckText
from doorbuster.model.events import Event, RunStarted
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.runtimes import PostgresChoice
from doorbuster.report.evidence import failure_text
from doorbuster.report.fan_out import FanOut
from doorbuster.report.registry import ReportSettings, all_reports
from doorbuster.report.verdict import sentence

__all__ = ["ConfigError", "HarnessError", "Result", "UsageError", "recheck", "run"]


@dataclass(frozen=True)
class Result:
    """What a run concluded. True only if it passed; as text it says what failed, why, and how to see it again.

    ``run`` is the same object that ``result.json`` is written from; ``folder`` holds the run's files.
    """

    run: RunResult
    folder: Path
    texts: Mapping[str, CheckText] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return failure_text(self.run, self.texts, self.folder)

    def __repr__(self) -> str:
        return f"<doorbuster {self.verdict}: {sentence(self.run)}>"

    @property
    def verdict(self) -> Verdict:
        """The run's verdict; equal to its name, such as ``"pass"``."""
        return self.run.verdict

    @property
    def passed(self) -> bool:
        """Whether everything required was put to the test and held; also nothing broke the run itself."""
        return self.run.verdict is Verdict.PASS and self.run.exit_code == 0

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    def scenario(self, name: str) -> ScenarioResult:
        """The scenario of that name.

        Raises:
            KeyError: not among those that ran; names them.
        """
        found = {scenario.name: scenario for scenario in self.run.scenarios}
        if name not in found:
            raise KeyError(f"no scenario {name!r} in this run; there are: {', '.join(found) or 'none'}")
        return found[name]

    def violated(self) -> frozenset[str]:
        """The names of the checks that were violated in any scenario."""
        return frozenset(check.name for check in self._checks() if check.status is CheckStatus.VIOLATED)

    def held(self) -> frozenset[str]:
        """The names of the checks that some scenario put to the test, and that none violated."""
        tested = {check.name for check in self._checks() if check.status is CheckStatus.HOLDS}
        return frozenset(tested - self.violated())

    def assert_pass(self) -> None:
        """Raises AssertionError, with the story of what failed, unless the run passed."""
        if not self.passed:
            raise AssertionError(str(self))

    def assert_holds(self, *checks: str) -> None:
        """Raises AssertionError unless each of ``checks`` was put to the test and held; not exercised is not enough."""
        if missing := [check for check in checks if check not in self.held()]:
            raise AssertionError(f"{', '.join(missing)}: not shown to hold\n{self}")

    def _checks(self) -> list[CheckResult]:
        return [check for scenario in self.run.scenarios for check in scenario.checks]


def run(
    *scenarios: str | Path,
    contract: str | Path | None = None,
    set: Literal["quick", "gate", "full"] | None = None,  # named as on the command line
    seed: int | None = None,
    out: str | Path = "reports",
    postgres: str = "embedded",
    disposable: bool = False,
    pg_bin: str | Path | None = None,
    toxiproxy: str | None = None,
    budget_s: float | None = None,
    progress: bool = False,
) -> Result:
    """Put a shop under test, as ``doorbuster run`` does; the options are the command line's.

    ``scenarios`` are names of standing ones or paths of ``.toml`` files; none means all of ``set``. ``contract`` may
    also be a project's ``doorbuster.toml``; without it the function that comes with Doorbuster is tested. ``progress``
    prints what the command line would print. May also be called while an event loop runs, which it blocks.

    Raises:
        ConfigError: mistakes in the files, all of them. What goes wrong later is told in the result, never raised.
    """
    chosen = [str(scenario) for scenario in scenarios]
    job = load_job(None if contract is None else Path(contract), chosen, set)
    choice = PostgresChoice(postgres, None if pg_bin is None else Path(pg_bin), disposable)
    settings = RunSettings(
        out=Path(out),
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
        command="doorbuster.run(" + ", ".join(map(repr, chosen)) + ")",
        tools=Tools(toxiproxy, choice),
        budget_s=budget_s,
    )
    return _outside_of_loops(job, settings, progress)


def recheck(folder: str | Path) -> Result:
    """Judge the stored run in ``folder`` again, without a database.

    Raises:
        NotARun: no run, or a damaged one.
    """
    texts: dict[str, CheckText] = {}

    def listen(stored: Mapping[str, CheckText]) -> Callable[[Event], None]:
        texts.update(stored)
        return FanOut([]).on

    return Result(_recheck(Path(folder), listen), Path(folder), texts)


def _outside_of_loops(job: Job, settings: RunSettings, progress: bool) -> Result:
    """The engine has event loops of its own, which cannot be nested in one that runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _listened(job, settings, progress)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_listened, job, settings, progress).result()


def _listened(job: Job, settings: RunSettings, progress: bool) -> Result:
    stdout = None if progress else StringIO()
    reports = all_reports(ReportSettings(texts=job.checks, stdout=stdout))
    folders: list[Path] = []

    def listen(event: Event) -> None:
        if isinstance(event, RunStarted):
            folders.append(event.folder)
        reports.on(event)

    return Result(_run(job, settings, listen), folders[0], job.checks)
