"""Thresholds such as ``p99 < 500ms``, ``error_rate < 0.1% in steady`` or ``max < 5s abort_on_fail after 10s``."""

import math
import operator
import re
from dataclasses import dataclass

_EXPRESSION = re.compile(
    r"(?P<metric>[a-z_]+\d*(?:\.\d+)?)\s*(?P<op><=|>=|<|>)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%|/s)?"
    r"(?:\s+in\s+(?P<phase>[\w-]+))?(?P<abort>\s+abort_on_fail(?:\s+after\s+(?P<after>\d+(?:\.\d+)?)s)?)?"
)
_LATENCY = re.compile(r"p(?P<percentile>\d{1,2}(?:\.\d+)?)")
_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
# A figure from fewer samples than this says nothing, so it is no pass.
LEAST_SAMPLES = 20
_UNITS = {"ms": 1.0, "s": 1000.0, "%": 0.01, "/s": 1.0, None: 1.0}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A parsed threshold.

    ``metric`` is ``latency``, ``error_rate`` or ``throughput``; for latency ``quantile`` is in (0, 1], 1 the maximum,
    None the average, and ``limit`` in milliseconds. For error_rate ``limit`` is a fraction, for throughput orders a
    second. ``display`` converts a value back to the expression's own unit by division. ``abort_after_s`` says from when
    on, in seconds from the release of the buyers, its breach ends the load; None: never.
    """

    expression: str
    metric: str
    operator: str
    limit: float
    quantile: float | None
    phase: str | None
    display: float
    abort_after_s: float | None = None

    @property
    def least_samples(self) -> int:
        """From fewer orders than this it cannot be judged: a high percentile of them would just be their maximum."""
        tail = 1 - self.quantile if self.quantile else 1.0
        return max(LEAST_SAMPLES, math.ceil(round(0.2 / tail, 6)) if tail > 0 else 0)

    def holds(self, value: float) -> bool:
        """Whether ``value``, in the limit's unit, is within it."""
        return bool(_OPERATORS[self.operator](value, self.limit))


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
    after_s = float(match["after"] or 0) if match["abort"] else None
    if after_s is not None and metric == "throughput":
        raise ValueError(f"{expression!r}: throughput is known at the end only; abort_on_fail goes with the others")
    return Threshold(expression, metric, match["op"], limit, quantile, match["phase"], unit, after_s)


def longer(expression: str, more_ms: float) -> str:
    """The threshold with so many milliseconds more in its limit; as it is where it is no upper limit of a latency.

    Raises:
        ValueError: as :func:`parse_threshold`.
    """
    expression = expression.strip()
    threshold, match = parse_threshold(expression), _EXPRESSION.fullmatch(expression)
    assert match is not None  # else it had not been parsed
    if threshold.metric != "latency" or not threshold.operator.startswith("<"):
        return expression
    start, end = match.span("number")
    return f"{expression[:start]}{(threshold.limit + more_ms) / threshold.display:g}{expression[end:]}"


def _metric(name: str) -> tuple[str, float | None]:
    if name in ("max", "avg"):
        return "latency", 1.0 if name == "max" else None
    if (found := _LATENCY.fullmatch(name)) and float(found["percentile"]) > 0:
        return "latency", float(found["percentile"]) / 100
    if name in ("error_rate", "throughput"):
        return name, None
    known = "p50, p95, p99 (any percentile), avg, max, error_rate, throughput"
    raise ValueError(f"unknown metric {name!r}; known: {known}")
