"""A shop behind HTTP, run and stopped by the harness: a child process with a database of ours and a port of ours."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.errors import UsageError
from doorbuster.host.guardian import Guardian
from doorbuster.host.ports import LOOPBACK, free_port
from doorbuster.host.processes import User, plain_environment, spawn, terminate, unprivileged_user
from doorbuster.model.contract import HttpServer

STOP_S = 5.0
LOOK_S = 0.02
TAIL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class HttpShop:
    """A shop that is ready to take orders at ``host``:``port``."""

    host: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    def check_alive(self) -> None:
        """Raises UsageError, with the end of its log, if the shop has ended."""
        code = self.process.poll()
        if code is not None:
            raise UsageError(f"the shop ended by itself with code {code}; its last words:\n{_tail(self.log)}")


@contextmanager
def run_shop(server: HttpServer, database: Target, guardian: Guardian, log: Path) -> Iterator[HttpShop]:
    """Start the shop on ``database`` and wait until it is ready; it is gone at the end of the block.

    Raises:
        UsageError: it does not start, is not ready in time, or listens to more than this machine.
    """
    port = free_port()
    values = {
        "host": LOOPBACK, "port": str(port), "database_url": database_url(database), "python": sys.executable,
    }  # fmt: skip
    command = [_filled(word, values) for word in server.command]
    environment = {**_environment(database, values), **{k: _filled(v, values) for k, v in server.environment.items()}}
    with log.open("ab") as output:
        try:
            process = spawn(command, Path(server.folder), _user(command[0], server.folder), output, environment)
        except OSError as problem:
            raise UsageError(f"place.http.server.command: {command[0]}: {problem.strerror}") from None
    guardian.watch_process(process.pid)
    try:
        shop = HttpShop(LOOPBACK, port, process, log)
        _wait_until_ready(shop, server)
        _check_loopback(shop)
        yield shop
    finally:
        _end(process)
        guardian.forget_process(process.pid)


def database_url(target: Target) -> str:
    """A connection URI with the password, and with the settings that its sessions are to have."""
    found = (
        f"postgresql://{quote(target.user, safe='')}:{quote(target.password, safe='')}@{target.host}:{target.port}"
        f"/{quote(target.database, safe='')}"
    )
    if not target.settings:
        return found
    words = (f"-c {name}={text}".replace("\\", "\\\\") for name, text in target.settings.items())
    options = " ".join(word[:3] + word[3:].replace(" ", "\\ ") for word in words)
    return f"{found}?options={quote(options, safe='')}"


def _environment(database: Target, values: Mapping[str, str]) -> dict[str, str]:
    return {
        **plain_environment(),
        "HOST": values["host"], "PORT": values["port"], "DATABASE_URL": values["database_url"],
        "PGHOST": database.host, "PGPORT": str(database.port), "PGUSER": database.user,
        "PGPASSWORD": database.password, "PGDATABASE": database.database, "PGSSLMODE": "disable",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _user(program: str, folder: str) -> User | None:
    """Who runs the shop: nobody special where we are root, unless the shop's own files are root's alone."""
    try:
        user = unprivileged_user()
    except RuntimeError:  # root that can become nobody else
        return None
    if user is None:
        return None
    reaches = 'command -v "$1" >/dev/null && [ -r . ] && ls >/dev/null'
    try:
        probe = spawn(["/bin/sh", "-c", reaches, "sh", program], Path(folder), user, subprocess.DEVNULL)
    except OSError:
        return None
    return user if probe.wait() == 0 else None


def _wait_until_ready(shop: HttpShop, server: HttpServer) -> None:
    deadline, said = time.monotonic() + server.ready_s, "it did not listen"
    # Nothing of the machine's proxy settings: the shop is on loopback.
    with httpx.Client(trust_env=False, timeout=2.0) as client:
        while time.monotonic() < deadline:
            shop.check_alive()
            try:
                status = client.get(f"http://{shop.host}:{shop.port}{server.ready}").status_code
            except httpx.HTTPError:
                time.sleep(LOOK_S)
                continue
            if status < 500:
                return
            said = f"GET {server.ready} was answered {status}"
            time.sleep(LOOK_S)
    raise UsageError(
        f"the shop was not ready within {server.ready_s:g} s ({said}); it was told to listen on port {shop.port} "
        f"(PORT, {{port}}); its last words:\n{_tail(shop.log)}"
    )


def _check_loopback(shop: HttpShop) -> None:
    """Raises UsageError where the shop can be reached from another machine."""
    for process in _family(shop.process.pid):
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue
        for found in sockets:
            if found.status == psutil.CONN_LISTEN and found.laddr.ip not in (LOOPBACK, "::1"):
                raise UsageError(
                    f"the shop listens on {found.laddr.ip}:{found.laddr.port}, for other machines too; make it listen "
                    "on {host} (in its command) or HOST (in its environment)"
                )


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Stop the shop and whatever it started, kindly at first."""
    family = _family(process.pid)
    terminate(process, STOP_S)
    for one in family[1:]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family[1:], timeout=STOP_S)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-TAIL_CHARACTERS:].strip() if log.exists() else "it left no log"
