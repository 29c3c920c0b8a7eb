"""Starting and ending child processes; programs that refuse root run as an unprivileged user."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

CANDIDATES = ("postgres", "nobody", "daemon")
KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class User:
    """An operating system user that has an entry in the user database, which initdb asks for."""

    uid: int
    gid: int
    name: str


@lru_cache(maxsize=1)
def unprivileged_user() -> User | None:
    """Who runs what refuses root: the first of postgres, nobody, daemon that can be become. None when not root.

    Raises:
        RuntimeError: root, but none of them can be (a container that maps no other user).
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
            user = User(entry.pw_uid, entry.pw_gid, name)
            subprocess.run(["/bin/sh", "-c", ":"], check=True, cwd="/", **_identity(user))
            return user
        except (KeyError, OSError, subprocess.SubprocessError):
            continue
    raise RuntimeError(f"Postgres refuses to run as root, and this process can become none of {', '.join(CANDIDATES)}")


def spawn(
    command: Sequence[str | Path],
    cwd: Path,
    user: User | None,
    log: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, out of reach of the terminal's Ctrl-C; its output goes to ``log``.

    Unless told otherwise it gets a small environment in the C locale: no PG* variables that would change what Postgres
    does, no secrets.
    """
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=plain_environment() if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **_identity(user),
    )


def run(command: Sequence[str | Path], cwd: Path, user: User | None, text: str = "") -> str:
    """Runs a command to its end with ``text`` as its input; returns its output.

    Raises:
        subprocess.CalledProcessError: it failed; ``stdout`` holds output and errors.
        OSError: it could not be started.
    """
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=plain_environment(),
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        start_new_session=True,
        **_identity(user),
    )
    return done.stdout


def terminate(process: subprocess.Popen[bytes], grace_s: float) -> int:
    """SIGTERM, and SIGKILL after ``grace_s`` seconds; returns the exit code. Harmless when it has ended already."""
    process.terminate()
    try:
        return process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def plain_environment() -> dict[str, str]:
    """What is safe to hand down, and the C locale."""
    return {**{name: os.environ[name] for name in KEPT if name in os.environ}, "LC_ALL": "C"}


def _identity(user: User | None) -> dict[str, Any]:
    return {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
