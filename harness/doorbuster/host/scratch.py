"""A run's scratch folder, with a lease by which a later run can tell that its owner is dead."""

import fcntl
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from doorbuster.host import process_table, remains
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.host.process_table import ProcessId
from doorbuster.host.processes import run, unprivileged_user

PREFIX = "doorbuster-"
LEASE = "lease.json"


@contextmanager
def scratch_folder(guardian: Guardian, base: Path | None = None) -> Iterator[Path]:
    """A folder for a run's files, deleted at the end with the processes that live in it, or by the guardian.

    Closed to others. The unprivileged user that Postgres runs as may pass through it, but not list it.
    ``base`` is where it is made: a temporary folder that this user can reach, if not given.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base or temporary_base())).resolve()
    guardian.watch_folder(folder)
    try:
        if user := unprivileged_user():
            os.chown(folder, -1, user.gid)
            folder.chmod(0o710)
        with _lease(folder):
            yield folder
    finally:
        if remains.remove_folder(folder):
            guardian.forget_folder(folder)


def sweep(base: Path | None = None) -> list[Path]:
    """Deletes the scratch folders of dead runs and kills what still lives in them; returns those deleted.

    Untouched stay folders without a lease, of other users, and of owners alive. An owner is alive while the kernel
    holds its lock on the lease, also in another container that shares the folder, or while its process runs.
    """
    folders = sorted((base or temporary_base()).resolve().glob(f"{PREFIX}*"))
    return [folder for folder in folders if _is_ours(folder) and _swept(folder)]


def temporary_base() -> Path:
    """Where scratch folders are made: the first temporary folder that the unprivileged user can reach."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    return next((p for p in places if p.is_dir() and _is_reachable(p)), None) or cache_folder()


def _is_reachable(folder: Path) -> bool:
    user = unprivileged_user()
    if user is None:
        return os.access(folder, os.W_OK | os.X_OK)
    try:
        run(["/bin/sh", "-c", 'cd "$0"', folder], Path("/"), user)
    except subprocess.CalledProcessError:
        return False
    return True


@contextmanager
def _lease(folder: Path) -> Iterator[None]:
    """Says who owns the folder; appears complete and locked, so that no sweep sees it otherwise."""
    owner = process_table.identify(os.getpid())
    new = folder / f"{LEASE}.new"
    with new.open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        lease.write(json.dumps({"pid": os.getpid(), "mark": owner.mark if owner else ""}))
        lease.flush()
        new.rename(folder / LEASE)
        yield


def _is_ours(folder: Path) -> bool:
    with suppress(OSError):
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False


def _swept(folder: Path) -> bool:
    try:
        # Not following links: the folder is ours, but root may be sweeping what Postgres's user wrote.
        lease = os.fdopen(os.open(folder / LEASE, os.O_RDWR | os.O_NOFOLLOW), "r+")
    except OSError:
        return False
    with lease:  # held while deleting: of two sweeps one deletes
        return _is_abandoned(lease) and remains.remove_folder(folder)


def _is_abandoned(lease: IO[str]) -> bool:
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        words = json.load(lease)
        return not process_table.is_alive(ProcessId(words["pid"], words["mark"]))
    except (OSError, ValueError, KeyError):
        return False
