"""A stretch in which nobody was answered although orders were waiting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stall:
    """From ``start_s``, in seconds from the release of the buyers, nobody was answered for ``length_s`` seconds.

    ``orders`` were due by its end and not answered before it; ``fault`` was on meanwhile, None: nothing was broken.
    """

    start_s: float
    length_s: float
    orders: int
    fault: str | None = None
