"""How long a client waits before it tries again: longer each time, and not as long as everybody else.

Clients that all come back after the same time meet again, and whoever the server turned away for the sake of another
is turned away again.
"""

import math
from random import Random

FIRST_S, MOST_S = 0.02, 0.5


def pause_s(try_no: int, random: Random) -> float:
    """The seconds between try ``try_no``, from 1, and the next."""
    return random.uniform(0.5, 1.0) * min(MOST_S, math.ldexp(FIRST_S, try_no))
