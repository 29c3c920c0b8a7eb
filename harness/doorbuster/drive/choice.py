"""Which products a cart holds: all alike, by Zipf's law, or mostly a few hot ones. The first product is the hottest."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

from doorbuster.model.scenario import Workload

T = TypeVar("T")
# Drawing again what is in the cart already gives the right distribution; past this many times in vain it is asked for
# the rest by name.
_IN_VAIN = 30


class Choice:
    """Draws distinct positions from 0 to ``number`` - 1, one after another, each by its weight among those left."""

    def __init__(self, workload: Workload, number: int) -> None:
        self._number = number
        self._weights = weights(workload, number)
        self._sums = list(accumulate(self._weights or ()))

    def sample(self, items: Sequence[T], wanted: int, random: Random) -> list[T]:
        """``wanted`` distinct ones of ``items``, or all where there are fewer."""
        wanted = min(wanted, self._number)
        if self._weights is None:
            # For one, sample draws the same number, and takes three times as long about it.
            return [items[below(self._number, random)]] if wanted == 1 else random.sample(items, wanted)
        taken: dict[int, None] = {}
        while len(taken) < wanted:
            taken[self._draw(taken, random)] = None
        return [items[position] for position in taken]

    def _draw(self, taken: dict[int, None], random: Random) -> int:
        assert self._weights is not None
        for _ in range(_IN_VAIN):
            position = min(bisect(self._sums, random.random() * self._sums[-1]), self._number - 1)
            if position not in taken:
                return position
        left = [n for n in range(self._number) if n not in taken]
        odds = [self._weights[n] for n in left]
        return random.choices(left, odds)[0] if any(odds) else left[0]


def below(number: int, random: Random) -> int:
    """One of 0 to ``number`` - 1, as ``random.randrange`` draws it, without its questions: a load draws several."""
    bits = number.bit_length()
    drawn = random.getrandbits(bits)
    while drawn >= number:
        drawn = random.getrandbits(bits)
    return drawn


def weights(workload: Workload, number: int) -> list[float] | None:
    """The weight of each of ``number`` products; None where all are alike."""
    if workload.popularity == "zipf":
        return [1 / rank**workload.skew for rank in range(1, number + 1)]
    if workload.popularity == "hot" and workload.hot < number:
        hot, cold = workload.hot_share / workload.hot, (1 - workload.hot_share) / (number - workload.hot)
        return [hot] * workload.hot + [cold] * (number - workload.hot)
    return None
