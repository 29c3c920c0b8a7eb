"""What is there, what is missing, and what to type: everything that a run needs, looked at for real."""

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from doorbuster.host.cache import cache_folder
from doorbuster.host.containers import NoEngine, engine
from doorbuster.host.guardian import Guardian
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.errors import NoToxiproxy
from doorbuster.postgres.errors import PostgresError
from doorbuster.postgres.given import is_dsn
from doorbuster.postgres.runtimes import PostgresChoice, runtime_of

State = Literal["there", "missing", "optional"]
_LIBRARIES = ("asyncpg", "duckdb", "locust", "pglast", "hypothesis", "toxiproxy-python", "uvloop")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a run needs, or may use; ``cure`` is what to type where it is not there."""

    name: str
    state: State
    told: str
    cure: str = ""


def look_around(choice: PostgresChoice, tell: Callable[[str], None]) -> Iterator[Part]:
    """Look at each part in turn; ``tell`` gets a line before what takes long."""
    yield _python()
    yield from _libraries()
    yield _cache()
    yield _toxiproxy(tell)
    yield _postgres(choice)
    yield _containers()
    yield _shop()


def _python() -> Part:
    told = f"{platform.python_version()}, {platform.platform(terse=True)}, {os.cpu_count()} cores"
    return Part("Python", "there", told)


def _libraries() -> Iterator[Part]:
    found, missing = [], []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        cure = "pip install --force-reinstall doorbuster"
        yield Part("libraries", "missing", f"not installed: {', '.join(missing)}", cure)
    else:
        yield Part("libraries", "there", ", ".join(found))


def _cache() -> Part:
    try:
        folder = cache_folder()
    except OSError as problem:
        return Part("cache", "missing", str(problem), "export DOORBUSTER_CACHE=DIR, a folder that you may write to")
    return Part("cache", "there", str(folder))


def _toxiproxy(tell: Callable[[str], None]) -> Part:
    try:
        binary = find_toxiproxy(None, cache_folder(), tell)
    except NoToxiproxy as problem:
        return Part("Toxiproxy", "missing", "no binary, and none can be built", str(problem))
    return Part("Toxiproxy", "there", f"{binary.version} at {binary.path}")


def _postgres(choice: PostgresChoice) -> Part:
    name = "Postgres" if choice.name == "embedded" else f"Postgres ({'given' if is_dsn(choice.name) else choice.name})"
    try:
        with Guardian() as guardian, runtime_of(choice, guardian).open() as server:
            able = server.capabilities
            lacks = f"; {able.lacks}" if able.lacks else "; its log is a witness, and it may be killed"
            return Part(name, "there", f"{server.version} ({server.runtime}) started and answers{lacks}")
    except PostgresError as problem:
        first, _, rest = str(problem).partition("\n")
        return Part(name, "missing", first, rest.strip() or first)


def _containers() -> Part:
    needed_for = "for --postgres docker and --toxiproxy docker"
    if find_spec("testcontainers") is None:
        return Part("containers", "optional", needed_for, "pip install 'doorbuster[docker]'")
    try:
        client = engine()
    except NoEngine as problem:
        return Part("containers", "optional", needed_for, str(problem))
    version = client.version().get("Version", "")
    client.close()
    return Part("containers", "there", f"engine {version}")


def _shop() -> Part:
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        told = "for contracts behind HTTP that run it"
        return Part("example shop", "optional", told, "pip install 'doorbuster[shop]'")
    return Part("example shop", "there", "Starlette and uvicorn")
