"""Removing what a dead run left behind: processes, shared memory, folders. Standard library only."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import time
from pathlib import Path

from doorbuster.host import process_table

TRIES = 20
PAUSE_S = 0.1
IPC_RMID = 0


def remove_folder(folder: Path) -> bool:
    """Ends every process that lives in the folder, then deletes it; returns whether it is gone.

    Deleting is repeated for a short while, because a process that was just killed may still be creating files.
    """
    for _ in range(TRIES):
        process_table.kill_all(process_table.living_in(folder))
        _unmount_within(folder)
        for lock in folder.glob("**/postmaster.pid"):
            remove_segment(lock)
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return True
        time.sleep(PAUSE_S)
    return False


def _unmount_within(folder: Path) -> None:
    """Take away what was mounted below the folder, such as the small disk of a fault; the innermost first."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    places = [Path(line.split()[4]) for line in lines]
    for place in sorted((p for p in places if p != folder and p.is_relative_to(folder)), reverse=True):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                ["umount", "--lazy", str(place)], check=False, timeout=5, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip


def remove_segment(postmaster_pid: Path) -> None:
    """Removes the System V shared memory of a killed Postgres, which its ``postmaster.pid`` names in line 7.

    The kernel keeps such a segment until the next boot. It is removed only where key and id agree and nobody is
    attached; anything else is left alone.
    """
    try:
        key, identity = (int(word) for word in postmaster_pid.read_text().splitlines()[6].split())
        segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except (OSError, ValueError, IndexError):
        return
    for key_now, id_now, *others in (line.split() for line in segments):
        attached = int(others[4])
        if (int(key_now) & 0xFFFFFFFF, int(id_now), attached) == (key & 0xFFFFFFFF, identity, 0):
            ctypes.CDLL(None).shmctl(identity, IPC_RMID, None)
