"""The ways to have a server, as ``--postgres`` names them. A new one is a file and a line here."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from doorbuster.host.guardian import Guardian
from doorbuster.model.server import Runtime, Server
from doorbuster.postgres.binaries import Binaries, find_binaries
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.given import GivenRuntime, compose_dsn, is_dsn, why_no_dsn


class BadChoice(ValueError):
    """``--postgres`` names nothing that there is; the message says what there is."""


@dataclass(frozen=True, slots=True)
class PostgresChoice:
    """What the user asked for: ``name`` as on the command line, where the binaries are, and the word "disposable"."""

    name: str = "embedded"
    pg_bin: Path | None = None
    disposable: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddedRuntime:
    """Servers of our own on this machine, from binaries."""

    pg_bin: Path | None
    guardian: Guardian

    def open(self, settings: Mapping[str, str] | None = None) -> AbstractContextManager[Server]:
        """Another server."""
        binaries = find_binaries(self.pg_bin)
        return EmbeddedServer(binaries, self.guardian, settings=_possible(settings or {}, binaries))


def _possible(settings: Mapping[str, str], binaries: Binaries) -> dict[str, str]:
    """``settings`` without a library that there is not, and what is set for it: the server would not start."""
    missing = settings.get("shared_preload_libraries", "")
    if not missing or binaries.has_library(missing):
        return dict(settings)
    own = ("shared_preload_libraries", f"{missing}.")
    return {name: value for name, value in settings.items() if not name.startswith(own)}


def check_choice(choice: PostgresChoice) -> None:
    """Look at the command line alone.

    Raises:
        BadChoice: it makes no sense; names every mistake, with the cure.
    """
    mistakes = []
    word, _, rest = choice.name.partition(":")
    if is_dsn(choice.name):
        if reason := why_no_dsn(choice.name):
            mistakes.append(reason)
        if not choice.disposable:
            mistakes.append(
                "a server of your own is used only with --disposable: scenarios create and drop databases on it, "
                "end sessions and fill its log"
            )
    elif word not in _RUNTIMES or (rest and word != "docker") or choice.name.endswith(":"):
        mistakes.append(
            f"{choice.name!r} is not one of embedded, docker, docker:IMAGE, compose, or a DSN such as "
            "postgresql://user@host:5432/postgres"
        )
    elif choice.disposable:
        mistakes.append(f"--disposable is about a server of your own; {word!r} is disposable by itself")
    if choice.pg_bin is not None and word != "embedded":
        mistakes.append("--pg-bin is for --postgres embedded only")
    if mistakes:
        raise BadChoice("; ".join(f"--postgres: {m}" if not m.startswith("--") else m for m in mistakes))


def runtime_of(choice: PostgresChoice, guardian: Guardian) -> Runtime:
    """The runtime that was asked for; nothing starts before its ``open``.

    Raises:
        BadChoice: as :func:`check_choice`.
    """
    check_choice(choice)
    if is_dsn(choice.name):
        return GivenRuntime(choice.name, guardian)
    return _RUNTIMES[choice.name.partition(":")[0]](choice, guardian)


def _embedded(choice: PostgresChoice, guardian: Guardian) -> Runtime:
    return EmbeddedRuntime(choice.pg_bin, guardian)


def _docker(choice: PostgresChoice, guardian: Guardian) -> Runtime:
    from doorbuster.postgres.docker import DEFAULT_IMAGE, DockerRuntime  # its library is an extra, and slow to import

    return DockerRuntime(choice.name.partition(":")[2] or DEFAULT_IMAGE, guardian)


def _compose(_: PostgresChoice, guardian: Guardian) -> Runtime:
    return GivenRuntime(compose_dsn(), guardian, name="compose")


_RUNTIMES: dict[str, Callable[[PostgresChoice, Guardian], Runtime]] = {
    "embedded": _embedded,
    "docker": _docker,
    "compose": _compose,
}
