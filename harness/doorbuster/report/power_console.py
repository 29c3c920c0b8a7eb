"""A measurement of power on the console: a line a trial while it goes on, then the table and what it comes to."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doorbuster.model.events import Event, Notice, Preparing
from doorbuster.model.power import Fate, PowerResult, Rate, Trial, counted
from doorbuster.report.console_text import foreign
from doorbuster.report.text import NONE, count, seconds, shortened

_STYLE = {
    Fate.CONVICTED: "green", Fate.HELD: "green", Fate.EQUIVALENT: "dim", Fate.UNDEPLOYED: "dim", Fate.UNUSABLE: "dim",
    Fate.INCONCLUSIVE: "yellow", Fate.ERROR: "bold magenta", Fate.NOT_ASKED: "dim",
}  # fmt: skip
_SIGN = {
    Fate.CONVICTED: "✓", Fate.HELD: "✓", Fate.EQUIVALENT: "=", Fate.UNDEPLOYED: "–", Fate.UNUSABLE: "–",
    Fate.INCONCLUSIVE: "?", Fate.ERROR: "!", Fate.NOT_ASKED: "–",
}  # fmt: skip
_WORST = (Fate.FALSE_ALARM, Fate.SURVIVED, Fate.MISMATCHED, Fate.ERROR, Fate.INCONCLUSIVE)
_LONGEST = 300
_PLAIN_WIDTH = 160  # a log has no edge


class PowerConsole:
    """Prints as it goes; ``quiet`` leaves the last lines only."""

    def __init__(self, total: int, quiet: bool = False) -> None:
        self._console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
        self._total, self._done, self._quiet = total, 0, quiet

    def on(self, event: Event) -> None:
        """What the set-up is at."""
        if isinstance(event, Preparing | Notice) and not self._quiet:
            self._console.print(Text("... ") + foreign(event.text))

    def tell(self, trial: Trial) -> None:
        """A trial is over."""
        self._done += 1
        if not self._quiet:
            self._console.print(Text(f"[{self._done}/{self._total}] ", style="dim") + trial_line(trial))

    def finish(self, result: PowerResult, report: str) -> None:
        """The table of what went wrong, and the figures."""
        for trial in sorted(result.with_fate(*_WORST), key=lambda t: _WORST.index(t.fate)):
            self._console.print()
            self._console.print(trial_line(trial))
            for line in evidence(trial):
                self._console.print(Text("    ") + foreign(line, lines=True))
        if not self._quiet:
            self._console.print(matrix(result), crop=False)
            self._console.print(legend(result))
        for line in figures(result):
            self._console.print(line)
        self._console.print(f"report: {report}")


def trial_line(trial: Trial) -> Text:
    """A trial on one line."""
    style = _STYLE.get(trial.fate, "bold red")
    level = "" if trial.isolation == "read committed" else f" at {trial.isolation}"
    parts = [seconds(trial.seconds)]
    if trial.scenario is not None:
        parts = [f"by {', '.join(trial.convicted_by)} in {trial.scenario}", f"after {seconds(trial.seconds)}"]
        parts.append(count(trial.attempts, "attempt"))
        if trial.schedules is not None:
            parts.append(count(trial.schedules, "schedule"))
    elif trial.fate in (Fate.ERROR, Fate.UNDEPLOYED, Fate.UNUSABLE, Fate.NOT_ASKED):
        parts.append(shortened(" ".join(trial.problem.split()), _LONGEST))
    sign = Text(f"{_SIGN.get(trial.fate, '✗')} {trial.fate.value}", style=style)
    return Text.assemble(sign, " ", foreign(f"{trial.kind} {trial.name}{level}, seed {trial.seed}: {', '.join(parts)}"))


def evidence(trial: Trial) -> Sequence[str]:
    """What a reader needs of a trial that did not go as it must."""
    lines = [trial.title, f"must be convicted by: {', '.join(trial.expected)}" if trial.expected else ""]
    lines += [
        f"{cell.scenario}: {cell.verdict}{', violated ' + ', '.join(cell.violated) if cell.violated else ''}"
        f" in {seconds(cell.seconds)}{'; ' + cell.example if cell.example else ''}"
        for cell in trial.cells
    ]
    return [line for line in [*lines, trial.problem, trial.diff] if line]


def matrix(result: PowerResult) -> Table:
    """Variants by scenarios, a sign each; a variant that was tried several times has one row, the worst."""
    table = Table(box=None, header_style="dim", expand=False)
    for column in ("variant", "scenarios", "fate", "convicted by", "after"):
        table.add_column(column, no_wrap=True)
    for trials in by_variant(result):
        table.add_row(*(foreign(value) for value in _row(trials, columns(result))))
    return table


def legend(result: PowerResult) -> str:
    """Which sign of a row belongs to which scenario."""
    return f"scenarios, from the left: {', '.join(columns(result)) or NONE} (✗ violated, ✓ nothing seen, · not run)"


def columns(result: PowerResult) -> list[str]:
    """The scenarios that were run at all."""
    ran = {cell.scenario for trial in result.trials for cell in trial.cells}
    return [name for name in result.scenarios if name in ran]


def by_variant(result: PowerResult) -> list[list[Trial]]:
    """The trials, those of one variant at one level together, in order."""
    found: dict[tuple[str, str], list[Trial]] = {}
    for trial in result.trials:
        found.setdefault((trial.name, trial.isolation), []).append(trial)
    return list(found.values())


def _row(trials: Sequence[Trial], scenarios: Sequence[str]) -> list[str]:
    level = "" if trials[0].isolation == "read committed" else f" ({trials[0].isolation})"
    cells = "".join(cell_text(trials, name)[0] for name in scenarios)
    checks = dict.fromkeys(check for trial in trials for check in trial.convicted_by)
    took = [trial.seconds for trial in trials if trial.scenario is not None]
    longest = seconds(max(took)) if took else NONE
    return [trials[0].name + level, cells, fates(trials), ", ".join(checks) or NONE, longest]


def fates(trials: Sequence[Trial]) -> str:
    """How the trials of one variant ended."""
    found = counted(trials)
    return next(iter(found)) if len(trials) == 1 else ", ".join(f"{n}× {fate}" for fate, n in found.items())


def cell_text(trials: Sequence[Trial], scenario: str) -> str:
    """What a scenario made of a variant: ✓ nothing seen, ✗ something violated, a dot where it was not run."""
    cells = [cell for trial in trials for cell in trial.cells if cell.scenario == scenario]
    if not cells:
        return "·"
    bad = sum(bool(cell.violated) for cell in cells)
    if not bad:
        return "?" if any(cell.verdict == "inconclusive" for cell in cells) else "✓"
    return "✗" if len(cells) == 1 else f"✗ {bad}/{len(cells)}"


def rate_text(rate: Rate) -> str:
    """A rate with its interval, in percent."""
    return f"{rate.hits} of {rate.total} ({rate.share:.1%}; 95 % interval {rate.low:.1%} to {rate.high:.1%})"


def figures(result: PowerResult) -> list[str]:
    """What it comes to, a line a figure."""
    broken, mutants, correct = result.of("broken"), result.of("mutant"), result.of("correct")
    lines = []
    if broken or mutants:
        lines.append(f"convicted: {rate_text(result.kill_rate)}")
    if mutants:
        dropped = counted(t for t in mutants if t.fate in (Fate.UNDEPLOYED, Fate.UNUSABLE, Fate.EQUIVALENT))
        lines.append("mutants left out: " + (", ".join(f"{n} {f}" for f, n in dropped.items()) or "none"))
    if correct:
        lines.append(f"false alarms: {rate_text(result.false_alarm_rate)}")
    if result.median_seconds is not None:
        lines.append(f"median time to a conviction: {seconds(result.median_seconds)}")
    if result.error:
        lines.append(f"broken off: {result.error}")
    lines.append(f"{count(len(result.trials), 'trial')} in {seconds(result.duration_s)}, seed {result.seed}; "
                 f"exit code {result.exit_code}")  # fmt: skip
    return lines
