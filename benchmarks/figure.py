"""What a benchmark hands in: one figure, beside what it is measured against."""

from typing import TypedDict


class Figure(TypedDict):
    """A measured figure. ``reference`` has the figure's unit: what a peer did in the same run, else what is promised.

    ``ratio`` is value ÷ reference; both are None where there is nothing to compare with.
    """

    name: str
    value: float
    unit: str
    reference: float | None
    ratio: float | None


def figure(name: str, value: float, unit: str, reference: float | None = None) -> Figure:
    """The figure, with its ratio to ``reference``."""
    ratio = round(value / reference, 3) if reference else None
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}
