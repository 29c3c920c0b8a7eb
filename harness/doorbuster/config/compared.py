"""Thresholds of a comparison, such as ``p99 < baseline * 1.2`` or ``p50 < baseline * 1.1 + 5ms in steady``."""

import re
from dataclasses import dataclass

_EXPRESSION = re.compile(
    r"p(?P<percentile>\d{1,2}(?:\.\d+)?)\s*<\s*baseline"
    r"(?:\s*\*\s*(?P<factor>\d+(?:\.\d+)?))?(?:\s*\+\s*(?P<more>\d+(?:\.\d+)?)\s*(?P<unit>ms|s))?"
    r"(?:\s+in\s+(?P<phase>[\w-]+))?"
)


@dataclass(frozen=True, slots=True)
class RelativeThreshold:
    """A quantile now is to be below ``factor`` times the baseline's, and ``more_ms``; ``phase`` None: of all orders."""

    expression: str
    quantile: float
    factor: float
    more_ms: float
    phase: str | None


def parse_relative(expression: str) -> RelativeThreshold:
    """A threshold from its text.

    Raises:
        ValueError: not of the form; shows one that is.
    """
    match = _EXPRESSION.fullmatch(expression.strip())
    quantile = float(match["percentile"]) / 100 if match else 0.0
    if match is None or quantile == 0:
        raise ValueError(
            f"{expression!r} is no threshold of a comparison; write for example 'p99 < baseline * 1.2', or "
            "'p50 < baseline * 1.1 + 5ms in steady'"
        )
    more = float(match["more"] or 0) * (1000 if match["unit"] == "s" else 1)
    return RelativeThreshold(expression.strip(), quantile, float(match["factor"] or 1), more, match["phase"])
