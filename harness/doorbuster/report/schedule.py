"""The schedule that broke a check as a table, a column a buyer, time downwards: for the console, HTML, as a drawing."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doorbuster.model.result import ScenarioResult
from doorbuster.report.text import clean, count, label

GAP = 2
LEAST_WIDTH = 18
MOST_LINES = 2
# The drawing: one column a buyer, one row a row of the table.
COLUMN, ROW, BAR = 230, 22, 14


@dataclass(frozen=True, slots=True)
class Cell:
    """What a buyer does, or what happens to him: ``kind`` is ``does``, ``waits``, ``goes_on``, ``ok`` or ``no``."""

    kind: str
    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleTable:
    """Each of ``rows`` has one cell, in the column of its buyer, from 0."""

    title: str
    buyers: int
    rows: tuple[tuple[int, Cell], ...]
    checks: tuple[str, ...]
    goods: tuple[str, ...]
    schedule: str
    file: str


def schedule_of(scenario: ScenarioResult, check: str) -> ScheduleTable | None:
    """The first schedule that broke ``check``, those with the fewest forced switches being first."""
    told = scenario.schedules or {}
    found = next((f for f in told.get("failing", ()) if check in f.get("checks", ())), None)
    return _table(found) if found is not None else None


def _table(told: Mapping[str, Any]) -> ScheduleTable:
    switches = count(int(told["preemptions"]), "forced switch", "forced switches")
    return ScheduleTable(
        clean(f"{label(told['crowd'])}, {told['buyers']} buyers, {told['isolation']}, {switches}"),
        int(told["buyers"]),
        tuple(_cells(told["rows"])),
        tuple(map(clean, told["checks"])),
        tuple(map(clean, told.get("goods", ()))),
        clean(told["schedule"]),
        clean(told["file"]),
    )


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Cell]]:
    for row in rows:
        yield row["buyer"] - 1, Cell("does", clean(row["text"]), row["line"])
        for wait in row["waits"]:
            what = f", who holds a row of {wait['what']}" if wait["what"] not in (None, "tuple") else ""
            yield wait["buyer"] - 1, Cell("waits", clean(f"waits for {wait['for']}{what}"))
        for answer in sorted(row["answers"], key=lambda a: a["buyer"] != row["buyer"]):
            yield answer["buyer"] - 1, _answer(answer)
        for buyer in row["goes_on"]:
            yield buyer - 1, Cell("goes_on", "got it, and goes on")


def _answer(told: Mapping[str, Any]) -> Cell:
    if told["outcome"] == "ok":
        return Cell("ok", clean("answered: ok" + (f", order {told['order_id']}" if told["order_id"] else "")))
    why = clean(told["message"] or told["code"] or "")
    return Cell("no", clean(f"answered: {label(told['outcome'])}") + (f" – {why}" if why else ""))


def gone_through(told: Mapping[str, Any]) -> str:
    """How many schedules were run, and what that is of all: ``372 schedules: all that can lead elsewhere``."""
    explored, infeasible = int(told.get("explored", 0)), int(told.get("infeasible", 0))
    if told.get("exhausted"):
        what = "all that can lead elsewhere"
    elif (bound := int(told.get("bound", -1))) >= 0:
        what = f"not exhausted, all with up to {count(bound, 'forced switch', 'forced switches')}"
    else:
        what = "not exhausted"
    drawn = [c for c in told.get("crowds", ()) if c.get("guaranteed") is not None]
    parts = [f"{count(explored, 'schedule')}: {what}"]
    parts += [f"{infeasible:,} infeasible"] * bool(infeasible)
    if drawn:
        parts.append(
            f"{sum(c['random'] for c in drawn):,} at random, which find a mistake of depth {drawn[0]['depth']} with "
            f"a probability of {min(c['guaranteed'] for c in drawn):.3g} at least"
        )
    levels = told.get("levels", ())
    parts += [f"{level['isolation']}: {level['verdict']}" for level in levels] * (len(levels) > 1)
    left_out = [str(one["function"]) for one in told.get("not_instrumented", ())]
    parts += [f"stopped only around its writes: {', '.join(left_out)}"] * bool(left_out)
    return clean("; ".join(parts))


_SIGNS = {"does": "", "waits": "⏸ ", "goes_on": "▶ ", "ok": "✓ ", "no": "✗ "}


def table_lines(table: ScheduleTable, width: int = 100) -> Iterator[str]:
    """The table in plain text, at most ``width`` wide where the buyers' columns then stay readable."""
    yield "; ".join(table.goods)
    column = max(LEAST_WIDTH, (width - GAP * (table.buyers - 1)) // table.buyers)
    yield (" " * GAP).join(f"buyer {n}".ljust(column) for n in range(1, table.buyers + 1)).rstrip()
    yield (" " * GAP).join(["─" * column] * table.buyers)
    for buyer, cell in table.rows:
        for line in _wrapped(cell, column):
            yield " " * (column + GAP) * buyer + line
    yield f"⇒ {', '.join(table.checks)}"


def _wrapped(cell: Cell, width: int) -> list[str]:
    lead = f"{cell.line:>3} " if cell.line is not None else "    " * (cell.kind == "does") + _SIGNS[cell.kind]
    found = textwrap.wrap(
        cell.text, width, initial_indent=lead, subsequent_indent=" " * len(lead), max_lines=MOST_LINES, placeholder=" …"
    )
    return found or [lead.rstrip()]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a buyer's column in the drawing; ``kind`` as a cell's, or ``wait``: the whole time that he waits."""

    x: float
    y: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The schedule as bars, a column a buyer; all lengths in pixels."""

    width: int
    height: int
    columns: tuple[float, ...]
    bars: tuple[Bar, ...]


def schedule_drawing(table: ScheduleTable) -> Drawing:
    """The table as a drawing: who ran when, who waited how long, and who got which answer."""
    bars: list[Bar] = []
    waiting: dict[int, float] = {}
    for number, (buyer, cell) in enumerate(table.rows):
        x, y = buyer * COLUMN + 10.0, (number + 1.0) * ROW
        if cell.kind == "waits":
            waiting[buyer] = y
        elif buyer in waiting:
            began = waiting.pop(buyer)
            bars.append(Bar(x + BAR / 2 - 2, began + BAR, y - began - BAR, "wait", ""))
        bars.append(Bar(x, y, BAR, cell.kind, _short(cell)))
    height = (len(table.rows) + 1) * ROW + 10
    return Drawing(table.buyers * COLUMN, height, tuple(b * COLUMN + 10.0 for b in range(table.buyers)), tuple(bars))


def _short(cell: Cell) -> str:
    text = (f"{cell.line} " if cell.line is not None else "") + cell.text
    return text if len(text) <= 30 else text[:29] + "…"
