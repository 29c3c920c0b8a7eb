"""One event stream, many listeners, none of which can silence the others."""

import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from doorbuster.model.events import Event, Listener


@dataclass(frozen=True, slots=True)
class ListenerFailure:
    """An exception that a listener let out, and the event that it was given."""

    listener: str
    event: str
    error: Exception


class FanOut:
    """A listener that hands each event to every one of its own, in order.

    An exception in one is kept in ``failures`` and told once a listener on ``stderr``; the listener goes on
    getting events, because a console that failed to draw a bar can still print the verdict.

    Raises:
        TypeError: what was given is no listener.
    """

    def __init__(self, listeners: Iterable[Listener], stderr: TextIO | None = None) -> None:
        self._listeners = tuple(_checked(listener) for listener in listeners)
        self._stderr = stderr
        self._told: set[int] = set()
        self.failures: list[ListenerFailure] = []

    def on(self, event: Event) -> None:
        """Deliver ``event`` to all."""
        for listener in self._listeners:
            try:
                listener.on(event)
            except Exception as error:
                self._failed(listener, event, error)

    def _failed(self, listener: Listener, event: Event, error: Exception) -> None:
        failure = ListenerFailure(type(listener).__name__, type(event).__name__, error)
        self.failures.append(failure)
        if id(listener) in self._told:
            return
        self._told.add(id(listener))
        stream = self._stderr or sys.stderr
        print(f"doorbuster: {failure.listener} failed at {failure.event}; the run goes on", file=stream)
        traceback.print_exception(error, file=stream)


def _checked(listener: Listener) -> Listener:
    if not callable(getattr(listener, "on", None)):
        raise TypeError(f"{listener!r} is no listener: it needs a method on(event: doorbuster.model.events.Event)")
    return listener
