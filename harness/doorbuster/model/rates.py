"""How the rate of a load's phase changes with time: straight pieces, and perhaps one instant of many orders at once."""

import math
from dataclasses import dataclass

from doorbuster.model.scenario import Phase


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch in which the rate goes straight from ``rate`` to ``to_rate``, in orders a second."""

    start_s: float
    duration_s: float
    rate: float
    to_rate: float

    @property
    def orders(self) -> float:
        """How many orders are expected in it."""
        return (self.rate + self.to_rate) / 2 * self.duration_s

    def instant(self, orders: float) -> float:
        """When that many of its orders are due: the inverse of the rate's integral."""
        slope = (self.to_rate - self.rate) / self.duration_s
        # The root of slope/2 t² + rate t = orders that stays exact where the slope or the rate is zero.
        root = math.sqrt(max(0.0, self.rate * self.rate + 2 * slope * orders))
        return self.start_s + min(self.duration_s, 2 * orders / (self.rate + root))


def pieces(phase: Phase) -> tuple[Piece, ...]:
    """The phase's rate over time, without a stampede; pieces without length are left out."""
    rate, peak, end_s = phase.rate, phase.rate if phase.to_rate is None else phase.to_rate, phase.duration_s
    at_s = stampede_s(phase)
    until_s = min(end_s, at_s + phase.width_s)
    match phase.profile:
        case "ramp":
            found = [Piece(0, end_s, rate, peak)]
        case "steps":
            found = _steps(phase.steps, end_s, rate, peak)
        case "spike":
            found = [Piece(0, at_s, rate, rate), Piece(at_s, until_s - at_s, peak, peak),
                     Piece(until_s, end_s - until_s, rate, rate)]  # fmt: skip
        case "flash_sale":
            left = peak + (rate - peak) * (until_s - at_s) / phase.width_s
            found = [Piece(0, at_s, rate, rate), Piece(at_s, until_s - at_s, peak, left),
                     Piece(until_s, end_s - until_s, rate, rate)]  # fmt: skip
        case _:
            found = [Piece(0, end_s, rate, rate)]
    return tuple(piece for piece in found if piece.duration_s > 0)


def _steps(number: int, end_s: float, rate: float, peak: float) -> list[Piece]:
    width_s = end_s / number
    heights = [rate + (peak - rate) * n / max(1, number - 1) for n in range(number)]
    return [Piece(n * width_s, width_s, height, height) for n, height in enumerate(heights)]


def stampede_s(phase: Phase) -> float:
    """The instant of a spike or a stampede, in seconds from the phase's start."""
    return phase.duration_s / 2 if phase.at_s is None else min(phase.at_s, phase.duration_s)


def expected_orders(phase: Phase) -> float:
    """How many orders a phase has: exactly with even spacing (rounded), on average as a Poisson process."""
    crowd = phase.stampede if phase.profile == "flash_sale" else 0
    return sum(piece.orders for piece in pieces(phase)) + crowd
