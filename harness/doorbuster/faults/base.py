"""What a fault is that breaks the server or a worker: settings, what it needs before, and a guard that heals itself.

A new one is a file beside this and a line in the registry of the package.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doorbuster.model.fault_settings import BadParameters, FaultSettings, over_touched
from doorbuster.model.server import Server

__all__ = ["BadParameters", "CannotBreak", "Site", "SiteFault", "over_touched"]


class CannotBreak(Exception):
    """The fault cannot be had here; the message says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a fault strikes.

    ``server`` is one that nobody else uses, ``database`` the shop's on it, ``buyers`` the application name of buyers'
    sessions; ``scratch`` is a folder that the guardian removes; ``workers`` tells the driving processes of now.
    """

    server: Server
    scratch: Path
    database: str = "postgres"
    buyers: str = ""
    workers: Callable[[], Sequence[int]] = tuple


@dataclass(frozen=True)
class SiteFault(FaultSettings):
    """A fault of the server or of a worker. The core is ``applied``."""

    target: ClassVar[str] = "server"

    @property
    def server_settings(self) -> Mapping[str, str]:
        """What the server must be started with for the fault to be possible."""
        return {}

    def prepared(self, site: Site, template: str) -> AbstractContextManager[None]:
        """What must stand before the shop opens; ``template`` is the database that it will be cloned from.

        Raises:
            CannotBreak: not on this machine.
        """
        return nullcontext()

    def applied(self, site: Site) -> AbstractContextManager[None]:
        """The fault acts for the length of the block, and is healed on every way out, from whatever thread that comes.

        Blocks; the engine calls it in a thread.

        Raises:
            CannotBreak: not here.
        """
        raise NotImplementedError
