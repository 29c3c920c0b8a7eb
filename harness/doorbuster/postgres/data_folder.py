"""Data folders: initdb once, then copies."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from doorbuster.host.cache import built_once, cache_folder
from doorbuster.host.processes import User, run, unprivileged_user
from doorbuster.postgres.binaries import Binaries
from doorbuster.postgres.errors import ServerError

SUPERUSER = "postgres"
GENERATION = 1  # raise it when what initdb is told changes
CACHE_CURE = "DOORBUSTER_CACHE names another folder, which must be open to the user that runs Postgres"
HBA = """\
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Template:
    """A data folder to copy, and its superuser's password, which every copy changes at once."""

    data: Path
    password: str


def template(binaries: Binaries) -> Template:
    """The template for these binaries and the user that runs them; made by initdb if it is not in the cache yet.

    Raises:
        ServerError: initdb failed; the message holds what it said.
    """
    user = unprivileged_user()
    owner = user.uid if user else os.geteuid()
    name = f"data-{binaries.fingerprint()}-{owner}-{GENERATION}"
    try:
        folder = built_once(cache_folder() / name, lambda new: _initdb(binaries, user, new))
        return Template(folder / "data", (folder / "password").read_text())
    except OSError as error:
        raise ServerError(f"cannot use the cache: {error}; {CACHE_CURE}") from error


def copy(source: Template, data: Path, settings: dict[str, str]) -> None:
    """Makes ``data`` a copy of the template with these settings, owned by the user that will run it.

    Raises:
        ServerError: it cannot be copied; the disk may be full.
    """
    try:
        _copy(source, data, settings)
    except OSError as error:
        raise ServerError(f"cannot make the data folder {data}: {error}") from error


def _copy(source: Template, data: Path, settings: dict[str, str]) -> None:
    shutil.copytree(source.data, data, symlinks=True)
    (data / "postgresql.conf").write_text("".join(f"{k} = {quoted(v)}\n" for k, v in settings.items()))
    (data / "pg_hba.conf").write_text(HBA)
    if user := unprivileged_user():
        _give(data, user)


def quoted(value: str) -> str:
    """A value as postgresql.conf takes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _initdb(binaries: Binaries, user: User | None, new: Path) -> None:
    data, secret = new / "data", new / "password"
    data.mkdir(parents=True)
    data.chmod(0o700)
    new.chmod(0o711 if user else 0o700)
    secret.touch(0o600)
    secret.write_text(secrets.token_urlsafe(24))
    if user:
        os.chown(data, user.uid, user.gid)
        os.chown(secret, user.uid, user.gid)  # for initdb alone
    options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={SUPERUSER}"]
    try:
        run([str(binaries.program("initdb")), *options, f"--pwfile={secret}", "-D", str(data)], data, user)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stdout", None) or str(error)).strip()
        cure = f"\n{CACHE_CURE}" if "Permission denied" in said else ""
        raise ServerError(f"initdb failed: {said}{cure}") from error
    os.chown(secret, os.geteuid(), os.getegid())


def _give(data: Path, user: User) -> None:
    for folder, _, files in os.walk(data):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
