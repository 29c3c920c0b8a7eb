"""The console: bars on a terminal, plain lines elsewhere, and a summary of one screen at the end."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from doorbuster.model.events import (
    Event,
    Judging,
    Notice,
    Preparing,
    Progress,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
)
from doorbuster.report.console_progress import Bars
from doorbuster.report.console_summary import summary, verdict_line
from doorbuster.report.console_text import finished_line, foreign
from doorbuster.report.story import Texts

_PLAIN_WIDTH = 120  # of a log, which has no width of its own


class ConsoleReport:
    """Tells a person how the run goes.

    Progress bars need a terminal that can redraw; a pipe, a dumb terminal and a CI (``CI`` set) get a line when a
    scenario starts and one when it ends. ``NO_COLOR`` is honoured. ``quiet`` leaves only the verdict,
    ``verbose`` leaves nothing out.
    """

    def __init__(
        self, texts: Texts, environ: Mapping[str, str], quiet: bool = False, stdout: TextIO | None = None,
        verbose: bool = False,
    ) -> None:  # fmt: skip
        self._console = _console(stdout or sys.stdout, environ)
        self._texts = texts
        self._quiet = quiet
        self._verbose = verbose
        # A line of the log must not be taken for a command by GitHub's runner.
        self._guard = environ.get("GITHUB_ACTIONS") == "true"
        live = self._console.is_terminal and not self._console.is_dumb_terminal and not environ.get("CI")
        self._bars = Bars(self._console) if live and not quiet else None
        self._handlers: dict[type, Callable[..., None]] = {
            RunStarted: self._run_started,
            Preparing: self._preparing,
            ScenarioStarted: self._scenario_started,
            Progress: self._progress,
            Judging: self._judging,
            ScenarioFinished: self._scenario_finished,
            Notice: self._notice,
        }

    def on(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunFinished):
            self._run_finished(event)
        elif not self._quiet and type(event) in self._handlers:
            self._handlers[type(event)](event)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(foreign(text, self._guard), style=style, soft_wrap=True)

    def _run_started(self, event: RunStarted) -> None:
        names = len(event.scenarios)
        self._say(f"Doorbuster: {event.contract}, {names} scenario{'s' * (names != 1)}, seed {event.seed}", "bold")
        if self._bars:
            self._bars.start(len(event.scenarios))

    def _preparing(self, event: Preparing) -> None:
        if self._bars:
            self._bars.prepare(event.text)
        else:
            self._say(f"... {event.text}")

    def _scenario_started(self, event: ScenarioStarted) -> None:
        if self._bars:
            self._bars.begin(event.name)
        else:
            self._say(f"> {event.name} ({event.kind}): {event.description}")

    def _progress(self, event: Progress) -> None:
        if self._bars:
            self._bars.advance(event)

    def _judging(self, event: Judging) -> None:
        if self._bars:
            self._bars.judge(event.scenario)

    def _scenario_finished(self, event: ScenarioFinished) -> None:
        if self._bars:
            self._bars.end(event.result.name)
        self._console.print(finished_line(event.result, self._guard), soft_wrap=True)

    def _notice(self, event: Notice) -> None:
        self._say(f"note: {event.text}", "yellow")

    def _run_finished(self, event: RunFinished) -> None:
        if self._bars:
            self._bars.stop()
        if not self._quiet:
            for part in summary(event.result, self._texts, _written(event.folder), self._guard, self._verbose):
                self._print(part)
        self._console.print(verdict_line(event.result, self._guard), soft_wrap=self._quiet)

    def _print(self, part: RenderableType) -> None:
        """On a terminal as it is; in a log, lines stay whole: a wrapped path or command can't be copied or found."""
        if not self._console.is_terminal:
            if isinstance(part, Padding) and isinstance(part.renderable, Text):
                margin = " " * part.left
                part = Text("\n").join(Text(margin) + line for line in part.renderable.split("\n"))
            if isinstance(part, Text):
                self._console.print(part, crop=False, soft_wrap=True)
                return
        self._console.print(part, crop=False)


def _console(stdout: TextIO, environ: Mapping[str, str]) -> Console:
    encoding = (getattr(stdout, "encoding", None) or "utf-8").lower()
    if not encoding.startswith("utf") and hasattr(stdout, "reconfigure"):
        stdout.reconfigure(errors="backslashreplace")  # an ASCII log must not end the report
    is_terminal = stdout.isatty()
    width = None if is_terminal or environ.get("COLUMNS") else _PLAIN_WIDTH
    return Console(
        file=stdout, width=width, highlight=False, markup=False, emoji=False,
        force_terminal=is_terminal, _environ=environ,
    )  # fmt: skip


def _written(folder: Path) -> list[Path]:
    """The files that a reader is sent to; what could not be written is not named."""
    return [path for name in ("report.html", "result.json") if (path := folder / name).exists()]
