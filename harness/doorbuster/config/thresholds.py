"""Thresholds such as ``p99 < 500ms`` or ``error_rate < 0.1% in steady``."""

import re
from dataclasses import dataclass

_EXPRESSION = re.compile(
    r"(?P<metric>[a-z_]+\d*(?:\.\d+)?)\s*(?P<op><=|>=|<|>)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%|/s)?"
    r"(?:\s+in\s+(?P<phase>[\w-]+))?"
)
_LATENCY = re.compile(r"p(?P<percentile>\d{1,2}(?:\.\d+)?)")
_UNITS = {"ms": 1.0, "s": 1000.0, "%": 0.01, "/s": 1.0, None: 1.0}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A parsed threshold.

    ``metric`` is ``latency``, ``error_rate`` or ``throughput``; for latency ``quantile`` is in (0, 1], 1 the maximum,
    and ``limit`` in milliseconds. For error_rate ``limit`` is a fraction, for throughput orders a second.
    ``display`` converts a value back to the expression's own unit by division.
    """

    expression: str
    metric: str
    operator: str
    limit: float
    quantile: float | None
    phase: str | None
    display: float


def parse_threshold(expression: str) -> Threshold:
    """A threshold from its text.

    Raises:
        ValueError: not of the form, an unknown metric, or a unit that does not fit; says what is known.
    """
    match = _EXPRESSION.fullmatch(expression.strip())
    if match is None:
        raise ValueError(f"{expression!r} is no threshold; write for example 'p99 < 500ms in steady'")
    metric, quantile = _metric(match["metric"])
    units = {"latency": ("ms", "s"), "error_rate": ("%", None), "throughput": ("/s", None)}[metric]
    if match["unit"] not in units:
        wanted = " or ".join(repr(unit or "no unit") for unit in units)
        raise ValueError(f"{expression!r}: {match['metric']} is given in {wanted}")
    unit = _UNITS[match["unit"]]
    limit = float(match["number"]) * unit
    return Threshold(expression, metric, match["op"], limit, quantile, match["phase"], unit)


def _metric(name: str) -> tuple[str, float | None]:
    if name == "max":
        return "latency", 1.0
    if found := _LATENCY.fullmatch(name):
        return "latency", float(found["percentile"]) / 100
    if name in ("error_rate", "throughput"):
        return name, None
    raise ValueError(f"unknown metric {name!r}; known: p50, p95, p99 (any percentile), max, error_rate, throughput")
