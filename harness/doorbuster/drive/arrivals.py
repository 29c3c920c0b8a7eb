"""When the orders of an open model are due: instants drawn from a seed, for a rate that changes with time.

By the time-rescaling theorem: arrivals at rate 1 (evenly, or a Poisson process) are carried through the inverse of the
rate's integral. Pure code: no clock, no threads.
"""

import heapq
from collections.abc import Iterator, Sequence
from random import Random

from doorbuster.model.rates import Piece, pieces, stampede_s
from doorbuster.model.scenario import Phase, Spacing


def instants(phase: Phase, spacing: Spacing, random: Random) -> Iterator[float]:
    """When the phase's orders are due, ascending, in seconds from its start."""
    steady = _rescaled(pieces(phase), phase.spacing or spacing, random)
    if phase.profile != "flash_sale":
        return steady
    return heapq.merge(steady, [stampede_s(phase)] * phase.stampede)


def _rescaled(parts: Sequence[Piece], spacing: Spacing, random: Random) -> Iterator[float]:
    total = sum(piece.orders for piece in parts)
    before, remaining = 0.0, list(reversed(parts))
    for at in _even(total) if spacing == "even" else _poisson(total, random):
        while len(remaining) > 1 and at > before + remaining[-1].orders:
            before += remaining.pop().orders
        yield remaining[-1].instant(at - before)


def _even(total: float) -> Iterator[float]:
    """Each in the middle of its slot, so that phases join evenly."""
    return (n + 0.5 for n in range(round(total)))


def _poisson(total: float, random: Random) -> Iterator[float]:
    at = random.expovariate(1.0)
    while at < total:
        yield at
        at += random.expovariate(1.0)
