"""The clock of what is recorded: it begins with the wall clock, and goes on evenly whatever is done to that.

A wall clock that is stepped in the middle of a run would make latencies of hours, or negative ones. So the wall clock
says when it is where :func:`set_clock` is called (at first: where this module is loaded), and the monotonic clock from
there on. By how much the wall clock went another way since, :func:`stepped_us` tells: the server, which writes instants
of its own, may have gone with it.
"""

import time

# Apart by more than this, the process was held up between the two readings, which says nothing of the clocks.
_APART_NS = 1_000_000
_TRIES = 20


def _both() -> tuple[int, int]:
    """The wall clock and the monotonic clock, in nanoseconds, read at one moment.

    Read again where the process was held up in between: else a busy machine would look like a clock that was stepped.
    """
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        wall_ns = time.time_ns()
        if time.monotonic_ns() - before_ns < _APART_NS:
            break
    return wall_ns, before_ns


def _ahead() -> int:
    wall_ns, monotonic_ns = _both()
    return wall_ns - monotonic_ns


_ahead_ns = _ahead()


def set_clock() -> None:
    """Go by the wall clock again, as it is now. For the whole process: nothing may be in the middle of measuring."""
    global _ahead_ns
    _ahead_ns = _ahead()


def now_us() -> int:
    """Now, in microseconds since 1970."""
    return (time.monotonic_ns() + _ahead_ns) // 1000


def moment() -> tuple[int, int]:
    """Now: microseconds since 1970, and nanoseconds of the monotonic clock."""
    monotonic_ns = time.monotonic_ns()
    return (monotonic_ns + _ahead_ns) // 1000, monotonic_ns


def stepped_us() -> int:
    """By how many microseconds the wall clock was set forward (or back, below 0) since :func:`set_clock`."""
    return (_ahead() - _ahead_ns) // 1000
