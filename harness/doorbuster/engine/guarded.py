"""A fault that acts, and that is healed whatever becomes of those who should heal it."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from doorbuster.host.clock import now_us

# How long after its time a fault may go on before the watchdog takes over from an event loop that does not come round.
LATE_S = 10.0


class GuardedFault:
    """Heals once: by whoever comes first, the timeline or a watchdog in a thread of its own.

    Should the whole harness be killed, the guardian process ends the server and Toxiproxy, and with them every fault.
    """

    def __init__(self, acting: AbstractContextManager[None], on_watchdog: Callable[[], None]) -> None:
        self._acting = acting
        self._on_watchdog = on_watchdog
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._watchdog: threading.Timer | None = None
        self.acted = False
        self.healed_us: int | None = None

    def apply(self, for_s: float, late_s: float = LATE_S) -> None:
        """Make it act, for ``for_s`` seconds and not much longer. Blocks."""
        with self._lock:
            self._stack.enter_context(self._acting)
            self.acted = True
            self._watchdog = threading.Timer(max(0.0, for_s) + late_s, self._bite)
            self._watchdog.daemon = True
            self._watchdog.start()

    def heal(self) -> None:
        """Heal it; harmless where it is. Blocks."""
        with self._lock:
            if self._watchdog is not None:
                self._watchdog.cancel()
            self._stack.close()
            self.healed_us = self.healed_us or now_us()

    def _bite(self) -> None:
        if self.healed_us is None:
            self.heal()
            self._on_watchdog()
