"""The two clocks, read at one moment."""

import time

# Apart by more than this, the process was held up between the two readings, which says nothing of the clocks.
_APART_NS = 1_000_000
_TRIES = 20


def moment() -> tuple[int, int]:
    """Now: microseconds of the wall clock since 1970, and nanoseconds of the monotonic clock.

    Read again where the process was held up in between: else a busy machine would look like a clock that was stepped.
    """
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        wall_us = time.time_ns() // 1000
        if time.monotonic_ns() - before_ns < _APART_NS:
            break
    return wall_us, before_ns
