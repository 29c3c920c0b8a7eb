"""Pieces of the console's text. Everything foreign goes through ``foreign``: plain text, never rich markup."""

import re

from rich.text import Text

from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.schedule import gone_through
from doorbuster.report.story import check_counts, p50_and_p99
from doorbuster.report.text import NONE, clean, clean_lines, count, outcomes_in_words, seconds
from doorbuster.report.verdict import SYMBOLS, WORDS

# Both forms of a workflow command; a character of no width between their signs undoes them.
_COMMAND = re.compile(r":(?=:)|##(?=\[)")

STYLES = {
    Verdict.PASS: "bold green",
    Verdict.VIOLATION: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.SLOW: "bold blue",
}


def foreign(text: str, guard: bool = False, style: str = "", lines: bool = False) -> Text:
    """Text from outside. With ``guard`` GitHub's runner finds no workflow command in it, wherever a line breaks."""
    shown = clean_lines(text) if lines else clean(text)
    if guard:
        shown = _COMMAND.sub("\\g<0>\u200b", shown)
    return Text(shown, style=style)


def verdict_text(verdict: Verdict) -> Text:
    """The verdict by sign, word and colour: colour alone is not for everyone."""
    return Text(f"{SYMBOLS[verdict]} {WORDS[verdict].lower()}", style=STYLES[verdict], no_wrap=True)


def finished_line(scenario: ScenarioResult, guard: bool) -> Text:
    """A finished scenario on one line."""
    p99 = p50_and_p99(scenario)[1]
    facts = [
        f"{count(scenario.orders, 'order')} in {seconds(scenario.duration_s)}",
        outcomes_in_words(scenario.outcomes),
        f"p99 {p99}" if p99 != NONE else "",
        gone_through(scenario.schedules) if scenario.schedules else "",
        f"checks: {check_counts(scenario)}",
    ]
    name = foreign(scenario.name, guard)
    return Text.assemble(
        verdict_text(scenario.verdict), " ", name, ": ", foreign("; ".join(filter(None, facts)), guard)
    )
