"""A timer that is exact to some microseconds. An event loop's own counts in whole milliseconds."""

import ctypes
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

_MONOTONIC = 1
_ABSOLUTE = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_FIELDS = ctypes.c_long * 4  # struct itimerspec: interval and instant, each in seconds and nanoseconds


class Loop(Protocol):
    """The part of an event loop that is needed."""

    def add_reader(self, fd: int, callback: Callable[[], Any]) -> None: ...

    def remove_reader(self, fd: int) -> Any: ...


class Alarm:
    """Calls ``ring`` in ``loop``'s thread at an instant of the monotonic clock (Linux: timerfd).

    Raises:
        OSError: the kernel has no such timer.
    """

    def __init__(self, loop: Loop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._fd = _checked(_LIBC.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        loop.add_reader(self._fd, self._rung)

    def set(self, instant_s: float) -> None:
        """Ring once at ``instant_s`` of ``time.monotonic()``, at once if that is past; an earlier setting is void."""
        nanoseconds = max(1, round(instant_s * 1e9))  # an instant of zero would disarm it
        spec = _FIELDS(0, 0, *divmod(nanoseconds, 1_000_000_000))
        _checked(_LIBC.timerfd_settime(self._fd, _ABSOLUTE, spec, None))

    def close(self) -> None:
        """Ring no more."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _rung(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # set anew between the kernel's word and our reading
            return
        self._ring()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
