"""How a load is spread over processes and machines."""

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
# Machines that install what they need first take minutes.
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """``processes`` workers on this machine, and ``guests`` that come from elsewhere to ``bind``:``port``.

    One process and no guest is no distribution at all; with guests there may be no process here. ``direct``: buyers
    connect to the server itself, without the proxy in between. ``port`` 0 is any. Who has not come within
    ``patience_s`` seconds is not waited for: then there is no load.
    """

    processes: int = 1
    guests: int = 0
    bind: str = LOOPBACK
    port: int = 0
    direct: bool = False
    patience_s: float = PATIENCE_S

    @property
    def is_spread(self) -> bool:
        """Whether there is a master with workers."""
        return self.processes > 1 or self.guests > 0

    @property
    def workers(self) -> int:
        """How many workers there are to be."""
        return self.processes + self.guests
