"""A Postgres server, whichever way it is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """What the harness may do with a server.

    ``can_crash``: ``kill`` and ``restart`` work; ``logical``: it has logical decoding, so its log is a witness.
    """

    can_crash: bool
    logical: bool


class Server(Protocol):
    """A running server that databases can be made in. Methods block; none needs an event loop."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int:
        """The TCP port; stays the same over ``kill`` and ``restart``."""

    @property
    def user(self) -> str:
        """A superuser, or the nearest thing that the server grants."""

    @property
    def password(self) -> str: ...

    @property
    def version(self) -> str:
        """Such as "18.6"."""

    @property
    def runtime(self) -> str:
        """How it is run: "embedded", "docker" or "given"."""

    @property
    def capabilities(self) -> ServerCapabilities: ...

    @property
    def log_path(self) -> Path | None:
        """The server's own log, if it can be read as a file."""

    def dsn(self, database: str) -> str:
        """A connection URI with the password."""

    def redacted_dsn(self, database: str) -> str:
        """A connection URI that may be shown."""

    def start(self) -> None:
        """Starts it and waits until it accepts connections."""

    def stop(self) -> None:
        """Ends it in an orderly way; the data stay."""

    def kill(self) -> None:
        """SIGKILL to every process of the server, as a power cut would end it, and waits until they are gone."""

    def restart(self) -> None:
        """After ``kill``: starts it on the same port, and waits for recovery to end."""
