"""A Postgres server, whichever way it is run."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """What the harness may do with a server.

    ``can_crash``: ``kill``, ``kill_backend`` and ``restart`` work; ``logical``: it has logical decoding, so its log is
    a witness; ``lacks`` says in words what is missing, and what would help.
    """

    can_crash: bool
    logical: bool
    lacks: str = ""


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
        """How it is run: "embedded", "docker", "compose" or "given"."""

    @property
    def prefix(self) -> str:
        """What the names of our databases and slots begin with; not empty where others have theirs on the server."""

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

    def kill_backend(self, pid: int) -> None:
        """SIGKILL to one process of the server, ``pid`` as ``pg_backend_pid()`` tells it."""

    def pause(self) -> None:
        """Stops every process of the server as it stands; none of them notices."""

    def resume(self) -> None:
        """After ``pause``: they go on. Harmless where they run, or are gone."""

    def cpu_s(self) -> float | None:
        """Processor time that its processes have used since it was started, in seconds; None where nobody can tell."""

    def restart(self) -> None:
        """After ``kill``: starts it on the same port, and waits for recovery to end."""


class Runtime(Protocol):
    """A way to have a server, as ``--postgres`` names it."""

    def open(self, settings: Mapping[str, str] | None = None) -> AbstractContextManager[Server]:
        """A server for the length of a block, with ``settings`` over the usual ones; then gone, or left as found.

        One whose settings are not ours to change ignores them. Where ``can_crash``, each block has a server of its own.
        """
