"""Outcomes, stock and units sold over time, as static drawings in SVG's own units."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from doorbuster.model.outcome import Outcome
from doorbuster.model.result import OutcomePoint, StockLine
from doorbuster.report.chart import Tick, nice_steps
from doorbuster.report.text import number

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 130, 56, 708, 8, 104


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one bucket's column."""

    outcome: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """What both drawings have: ticks, and where zero is."""

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    zero: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    bottom: int = BOTTOM


@dataclass(frozen=True, slots=True)
class OutcomeDrawing:
    """Columns of attempts by outcome."""

    frame: Frame
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class StockDrawing:
    """A product's stock and units sold as paths of steps; ``least`` is the lowest stock."""

    product: str
    frame: Frame
    stock: str
    sold: str
    least: float


def outcome_drawing(points: Sequence[OutcomePoint]) -> OutcomeDrawing | None:
    """The columns; None where there are not two buckets."""
    if len(points) < 2:
        return None
    starts = sorted(point.start_s for point in points)
    width_s = max(min(b - a for a, b in pairwise(starts)), 1e-6)
    end_s = starts[-1] + width_s
    most = max(sum(point.outcomes.values()) for point in points) or 1
    x, y = _scale(min(0.0, starts[0]), end_s, LEFT, RIGHT), _scale(0, most, BOTTOM, TOP)
    bars = []
    for point in points:
        below = 0
        for name in (outcome.value for outcome in Outcome):
            amount = point.outcomes.get(name, 0)
            if amount:
                top, left = y(below + amount), x(point.start_s)
                width = max(1.0, x(point.start_s + width_s) - left - 0.5)
                bars.append(Bar(name, left, top, round(width, 1), round(y(below) - top, 1)))
                below += amount
    return OutcomeDrawing(_frame(min(0.0, starts[0]), end_s, 0, most, whole=True), bars)


def stock_drawing(line: StockLine, end_s: float) -> StockDrawing:
    """One product; the last state stands until ``end_s``."""
    values = (*line.stock, *line.sold)
    low, high = min(0.0, *values), max(1.0, *values)
    end_s = max(end_s, line.at_s[-1], 1e-6)
    x, y = _scale(0, end_s, LEFT, RIGHT), _scale(low, high, BOTTOM, TOP)
    paths = []
    for series in (line.stock, line.sold):
        parts = [f"M{x(line.at_s[0])} {y(series[0])}"]
        for at, value in zip(line.at_s[1:], series[1:], strict=True):
            parts.append(f"H{x(at)}V{y(value)}")
        paths.append("".join([*parts, f"H{x(end_s)}"]))
    return StockDrawing(line.product, _frame(0, end_s, low, high, whole=True), paths[0], paths[1], min(line.stock))


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From a value to its place."""
    factor = (end - start) / max(high - low, 1e-9)
    return lambda value: round(start + (value - low) * factor, 1)


def _frame(x_low: float, x_high: float, low: float, high: float, *, whole: bool) -> Frame:
    x, y = _scale(x_low, x_high, LEFT, RIGHT), _scale(low, high, BOTTOM, TOP)
    steps = [step for step in nice_steps(low, high, 4) if not whole or math.isclose(step, round(step))]
    return Frame(
        [Tick(x(v), f"{v:g} s") for v in nice_steps(x_low, x_high)],
        [Tick(y(v), number(v)) for v in steps],
        y(0),
    )
