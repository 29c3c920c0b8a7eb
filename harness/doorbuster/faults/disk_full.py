"""The disk is full."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doorbuster.faults.base import BadParameters, CannotBreak, Site, SiteFault, over_touched
from doorbuster.faults.sessions import statements
from doorbuster.host.processes import unprivileged_user

PLACE_VARIABLE = "DOORBUSTER_SMALL_DISK"
TABLESPACE = "doorbuster_small_disk"
BALLAST = "doorbuster.ballast"
LARGEST_BYTES = 1 << 30
_CHUNK = b"\0" * (1 << 20)


@dataclass(frozen=True)
class DiskFull(SiteFault):
    """The file system that holds the shop's tables has no byte left, so that a table cannot grow (53100).

    The shop's database lies on a small file system of its own (``size_mb``), which a ballast file fills up to the last
    byte; healing deletes the ballast. The write-ahead log lies elsewhere, so the server goes on. What is real: the
    kernel's own ENOSPC. What is not simulated: a full disk under the log, which makes the server stop.

    Needed is a mount of our own (root with the right to mount), or an empty folder on a small file system that
    DOORBUSTER_SMALL_DISK names.
    """

    kind: ClassVar[str] = "disk_full"
    size_mb: int = 96

    def check(self) -> None:
        if not 48 <= self.size_mb <= LARGEST_BYTES >> 20:
            raise BadParameters(f"fault {self.kind}: size_mb is from 48, which an empty database needs, to 1024")

    @contextmanager
    def prepared(self, site: Site, template: str) -> Iterator[None]:
        with _small_disk(site, self.size_mb) as disk:
            folder = disk / "tables"
            folder.mkdir()
            if user := unprivileged_user():
                os.chown(folder, user.uid, user.gid)
            place = str(folder).replace("'", "''")
            statements(
                site,
                f"create tablespace {TABLESPACE} location '{place}'",
                f'alter database "{template}" set tablespace {TABLESPACE}',  # clones lie where their template does
            )
            yield

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        ballast = _disk_of(site) / BALLAST
        try:
            _fill(ballast)
            yield
        finally:
            ballast.unlink(missing_ok=True)

    def describe(self) -> str:
        return "the disk under the shop's tables is full"

    @property
    def proof_sql(self) -> str:
        """Attempts that the server refused because the disk was full."""
        return over_touched("""
        select count(*), format('{} attempt{} met a full disk', count(*), if(count(*) = 1, '', 's'))
        from touched where code = '53100'
        """)


def _disk_of(site: Site) -> Path:
    named = os.environ.get(PLACE_VARIABLE)
    return Path(named) if named else site.scratch / "small_disk"


@contextmanager
def _small_disk(site: Site, size_mb: int) -> Iterator[Path]:
    """An empty small file system, mounted by us or named by the user; empty again afterwards, or unmounted."""
    disk = _disk_of(site)
    if site.server.runtime != "embedded":
        raise CannotBreak(f"disk_full needs a server on this machine (--postgres embedded), not {site.server.runtime}")
    if os.environ.get(PLACE_VARIABLE):
        _require_small(disk)
        yield disk
        return
    disk.mkdir()
    try:
        _call("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0755", "doorbuster", str(disk))
    except (OSError, subprocess.SubprocessError) as problem:
        disk.rmdir()
        why = getattr(problem, "stdout", None) or problem
        raise CannotBreak(
            f"disk_full cannot mount a small file system ({str(why).strip()}); run as root with the right to mount, or "
            f"name an empty folder on a file system of at most 1 GiB in {PLACE_VARIABLE}"
        ) from None
    try:
        yield disk
    finally:
        # Lazily: the server, which ends next, still has files open there.
        _call("umount", "--lazy", str(disk))
        disk.rmdir()


def _require_small(disk: Path) -> None:
    """Nobody's real disk is filled by mistake."""
    if not disk.is_dir() or any(disk.iterdir()):
        raise CannotBreak(f"{PLACE_VARIABLE}={disk} is no empty folder")
    found = os.statvfs(disk)
    if found.f_frsize * found.f_blocks > LARGEST_BYTES:
        raise CannotBreak(f"{PLACE_VARIABLE}={disk} lies on a file system of more than 1 GiB, which others may need")


def _call(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)


def _fill(ballast: Path) -> None:
    """Write until the kernel says that there is no space, down to single blocks."""
    with ballast.open("wb", buffering=0) as file:
        step = len(_CHUNK)
        while step >= 512:
            try:
                file.write(_CHUNK[:step])
            except OSError as problem:
                if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                step //= 2
