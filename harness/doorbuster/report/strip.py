"""The strips of a cut or a crash: each place in order, as wide as it is long, coloured by what happened there."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

WIDTH = 1000
# From what was recorded to a colour's name and the legend's words; the first that fits, the worst first.
_TONES = (
    ("half", "half done", "half done"),
    ("taken", "taken back", "taken back by hand"),
    ("lost", "committed, not answered", "committed, not answered"),
    ("lost", "committed, answered no", "committed, answered no"),
    ("answered", "committed, answered", "committed, answered"),
    ("unreached", "not reached", "not reached"),
    ("nothing", "", "nothing happened"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One stretch of a strip that ``WIDTH`` units are for; ``tone`` names its colour, ``title`` tells its story."""

    x: float
    width: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One way of breaking something, over all its places."""

    name: str
    cells: tuple[Cell, ...]


def strips(told: Mapping[str, Any]) -> tuple[Strip, ...]:
    """The strips of what a cut or a crash told of itself; none where it told of no places."""
    rows = [row for row in told.get("strip", ()) if isinstance(row, dict)]
    return tuple(Strip(name, _cells(list(group))) for name, group in groupby(rows, key=_name))


def legend(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The colours that occur, each with its words and for how many places it stands."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in told.get("strip", ()):
        counts[_tone(row)] += int(row.get("places", 1))
    return [{"tone": tone, "words": words, "places": places} for (tone, words), places in counts.items()]


def _name(row: Mapping[str, Any]) -> str:
    return str(row["cut"]) if "cut" in row else str(row["place"]).split(" ")[0]


def _cells(rows: Sequence[Mapping[str, Any]]) -> tuple[Cell, ...]:
    # A message of 500 bytes must not hide one of five.
    sizes = [1 + math.log2(int(row.get("places", 1))) for row in rows]
    total, x, cells = sum(sizes), 0.0, []
    for row, size in zip(rows, sizes, strict=True):
        width = WIDTH * size / total
        cells.append(Cell(round(x, 2), round(max(0.5, width - 1), 2), _tone(row)[0], _title(row)))
        x += width
    return tuple(cells)


def _tone(row: Mapping[str, Any]) -> tuple[str, str]:
    if row.get("violated"):
        return "violated", "violated"
    return next((tone, words) for tone, start, words in _TONES if str(row.get("happened", "")).startswith(start))


def _title(row: Mapping[str, Any]) -> str:
    if "cut" in row:
        first, last = row["from_byte"], row["to_byte"]
        place = f"{row['cut']} {first}" if first == last else f"{row['cut']} {first} to {last}"
    else:
        place = str(row["place"])
    parts = [f"{place}, {row.get('where', '')}", str(row.get("happened", ""))]
    for words, key in (("the buyer saw", "answer"), ("his retry", "retry"), ("violated", "violated")):
        parts += [f"{words}: {row[key]}"] if row.get(key) else []
    return "; ".join(parts)
