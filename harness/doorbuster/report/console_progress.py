"""Progress bars on a terminal."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from doorbuster.model.events import Progress
from doorbuster.report.text import clean, count, label, number, outcomes_in_words


class Bars:
    """A bar for the run and one for each scenario under way, with its outcomes so far and the active fault."""

    def __init__(self, console: Console) -> None:
        # Descriptions carry foreign text, so no column reads markup.
        self._progress = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            transient=True,
        )
        self._run: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def start(self, scenarios: int) -> None:
        """Show the bar of the whole run."""
        self._run = self._progress.add_task("scenarios", total=scenarios, now="")
        self._progress.start()

    def prepare(self, text: str) -> None:
        """Say what is being prepared."""
        if self._run is not None:
            self._progress.update(self._run, now=clean(text))

    def begin(self, scenario: str) -> None:
        """Show a scenario's bar."""
        self.prepare("")
        self._tasks[scenario] = self._progress.add_task(clean(scenario), total=None, now="")

    def advance(self, event: Progress) -> None:
        """Move a scenario's bar."""
        fault = f"[fault: {label(event.active_fault)}]  " if event.active_fault else ""
        now = fault + outcomes_in_words(event.outcomes) + _live_line(event)
        self._update(event.scenario, completed=event.done, total=event.total, now=now)

    def judge(self, scenario: str) -> None:
        """Say that the driving is over."""
        self._update(scenario, now="reading the log and judging")

    def end(self, scenario: str) -> None:
        """Take a scenario's bar away; its line stays."""
        task = self._tasks.pop(scenario, None)
        if task is not None:
            self._progress.remove_task(task)
        if self._run is not None:
            self._progress.advance(self._run)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def _update(self, scenario: str, now: str, completed: int | None = None, total: int | None = None) -> None:
        if scenario in self._tasks:
            self._progress.update(self._tasks[scenario], now=now, completed=completed, total=total)


def _live_line(event: Progress) -> str:
    """What the log says of the shop by now: sold, in stock, unknown, violations so far, and what it cannot say yet."""
    live = event.live
    if live is None:
        return ""
    found = ", ".join(f"{name} {number(n)}" for name, n in live.violations.items()) or "none"
    later = f"; only at the end: {', '.join(live.left_to_the_end)}" if live.left_to_the_end else ""
    return (
        f"  |  by the log: {count(live.units_sold, 'unit')} sold, {number(live.stock)} in stock, "
        f"{number(event.outcomes.get('unknown', 0))} unknown, violations: {found}{later}"
    )
