"""The reports there are. A new one is a file and a line here."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from doorbuster.model.check import CheckText
from doorbuster.model.events import Listener
from doorbuster.report.console import ConsoleReport
from doorbuster.report.fan_out import FanOut
from doorbuster.report.github import GitHub
from doorbuster.report.html import HtmlReport
from doorbuster.report.index import IndexReport
from doorbuster.report.junit import JUnit
from doorbuster.report.result_json import STDOUT, ResultJson


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What the command line says about reports.

    ``texts`` are the checks' own words by name; ``json`` and ``junit`` are copies besides those in the run's folder;
    ``stdout`` is the process's own where it is None. Where ``json`` is ``-`` the result is all that is printed there,
    and what is for people goes to the error output.
    """

    texts: Mapping[str, CheckText] = field(default_factory=dict)
    quiet: bool = False
    verbose: bool = False
    json: Path | None = None
    junit: Path | None = None
    stdout: TextIO | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def for_people(self) -> TextIO | None:
        """Where text for people goes."""
        return sys.stderr if self.json == STDOUT else self.stdout


# The console comes last: it names the files that are there when it speaks.
REPORTS: dict[str, Callable[[ReportSettings], Listener]] = {
    "result.json": lambda s: ResultJson(s.json, s.stdout),
    "junit": lambda s: JUnit(s.texts, s.junit),
    "html": lambda s: HtmlReport(s.texts),
    "index": lambda s: IndexReport(),
    "github": lambda s: GitHub(s.texts, s.environ, s.for_people),
    "console": lambda s: ConsoleReport(s.texts, s.environ, s.quiet, s.for_people, s.verbose),
}


def all_reports(settings: ReportSettings) -> FanOut:
    """A listener that feeds every registered report."""
    return FanOut(make(settings) for make in REPORTS.values())
