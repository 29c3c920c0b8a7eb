"""Latency over time, as data for the interactive chart and as geometry for the static one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from doorbuster.model.result import LatencyPoint, ScenarioResult
from doorbuster.report.text import number

SERIES = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
_LOG_FROM_RATIO = 20  # above it a linear axis flattens everything but the peaks

Values = list[float | None]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A scenario's latency as columns; a None stands where no order finished, so that no line hides a stall."""

    x: list[float]
    series: dict[str, Values]
    unhappy: list[int]
    windows: tuple[tuple[str, float, float], ...]
    log: bool

    def as_json(self) -> dict[str, Any]:
        """What ``report.js`` reads."""
        windows = [{"name": name, "from": start, "to": end} for name, start, end in self.windows]
        return {"x": self.x, "series": self.series, "unhappy": self.unhappy, "windows": windows, "log": self.log}


def timeline(scenario: ScenarioResult) -> Timeline | None:
    """The scenario's timeline; None where there are not two points to connect."""
    points = sorted(scenario.timeline, key=lambda point: point.start_s)
    if len(points) < 2:
        return None
    width = min(b.start_s - a.start_s for a, b in pairwise(points))
    rows = list(_with_gaps(points, width))
    return Timeline(
        [start + width / 2 for start, _ in rows],
        {name: [getattr(point, name) if point else None for _, point in rows] for name in SERIES},
        [point.unhappy if point else 0 for _, point in rows],
        scenario.fault_windows,
        _wants_log(points),
    )


def _with_gaps(points: list[LatencyPoint], width: float) -> Iterator[tuple[float, LatencyPoint | None]]:
    previous = points[0].start_s
    for point in points:
        if point.start_s - previous > width * 1.5:
            yield previous + width, None
        yield point.start_s, point
        previous = point.start_s


def _wants_log(points: list[LatencyPoint]) -> bool:
    low = min(point.p50_ms for point in points)
    return low > 0 and max(point.max_ms for point in points) / low > _LOG_FROM_RATIO


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick's place and text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A fault window's place."""

    name: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """The static chart in SVG user units; ``lines`` holds, for each series, paths that break at gaps."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    lines: dict[str, str]
    bands: list[Band]
    marks: list[float]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 240, 56, 708, 12, 208


def drawing(line: Timeline) -> Drawing:
    """The static chart of a timeline."""
    x = _x_scale(line)
    y_values = _y_range(line)
    y = _y_scale(*y_values, line.log)
    return Drawing(
        _WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM,
        lines={name: _path(line.x, values, x, y) for name, values in line.series.items()},
        bands=[_band(window, x) for window in line.windows],
        marks=[x.at(at) for at, unhappy in zip(line.x, line.unhappy, strict=True) if unhappy],
        x_ticks=[Tick(x.at(v), f"{v:g} s") for v in nice_steps(x.low, x.high)],
        y_ticks=[Tick(y.at(v), number(v)) for v in _y_steps(*y_values, line.log)],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (math.log10(v) for v in (self.low, self.high, value)) if self.log else (
            self.low, self.high, value)  # fmt: skip
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 1)


def _x_scale(line: Timeline) -> _Scale:
    ends = [end for _, _, end in line.windows]
    return _Scale(min(0.0, line.x[0]), max([line.x[-1], *ends]), _LEFT, _RIGHT)


def _y_range(line: Timeline) -> tuple[float, float]:
    values = [v for series in line.series.values() for v in series if v is not None]
    high = max(values) or 1.0
    return (10 ** math.floor(math.log10(min(values))) if line.log else 0.0), high * 1.05


def _y_scale(low: float, high: float, log: bool) -> _Scale:
    return _Scale(low, high, _BOTTOM, _TOP, log)


def _y_steps(low: float, high: float, log: bool) -> list[float]:
    if not log:
        return nice_steps(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    steps = [mantissa * 10.0**decade for decade in decades for mantissa in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def nice_steps(low: float, high: float, about: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between ``low`` and ``high``."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(n * step, 9) for n in range(first, last + 1)]


def _path(xs: list[float], values: Values, x: _Scale, y: _Scale) -> str:
    """SVG path data; a None lifts the pen. A lone point is a line of no length, which round caps make a dot."""
    parts, down = [], False
    for at, value in zip(xs, values, strict=True):
        if value is not None:
            parts.append(f"{'L' if down else 'M'}{x.at(at)} {y.at(value)}" + ("" if down else "h0"))
        down = value is not None
    return "".join(parts)


def _band(window: tuple[str, float, float], x: _Scale) -> Band:
    name, start, end = window
    return Band(name, x.at(start), max(x.at(end) - x.at(start), 1.0))
