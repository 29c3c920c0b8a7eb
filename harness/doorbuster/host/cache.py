"""What is expensive to make and the same for every run: made once, kept for all."""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

ROOTS_CACHE = Path("/var/cache/doorbuster")


def cache_folder() -> Path:
    """The cache, created if need be: ``DOORBUSTER_CACHE``, else the system's for root, else the user's.

    Root's own home is closed to the unprivileged user that Postgres runs as.

    Raises:
        OSError: it cannot be created.
    """
    folder = _place().absolute()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


def built_once(path: Path, build: Callable[[Path], None]) -> Path:
    """``path``, built if it does not exist yet; of several processes one builds and the others wait.

    ``build`` gets a path beside it that does not exist, and creates a file or folder there, which is then renamed: a
    half-built one is never seen. What a builder that died left behind is deleted.

    Raises:
        Exception: whatever ``build`` raises; nothing remains then.
    """
    if path.exists():
        return path
    with FileLock(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            _build(path, build)
    return path


def _build(path: Path, build: Callable[[Path], None]) -> None:
    for stale in path.parent.glob(f".{path.name}.*.new"):
        _delete(stale)
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        build(new)
        new.rename(path)
    finally:
        _delete(new)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _place() -> Path:
    if named := os.environ.get("DOORBUSTER_CACHE"):
        return Path(named)
    return ROOTS_CACHE if os.geteuid() == 0 else Path(platformdirs.user_cache_path("doorbuster"))
