"""Contracts and servers that mean harm: bounded time and memory, a clear error, nothing left, and never a pass."""

import os
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from doorbuster.host.scratch import temporary_base

from tests.integration.conftest import COMMAND
from tests.integration.test_bad_input import BUY, SHOP, TABLES, write_shop

LIMIT_S = 150
MOST_BYTES_SAID = 200_000
MOST_KIB = 1_500_000
QUICK = """
name = "quick"
kind = "load"
description = "A few rounds."
[workload]
arrivals = "burst"
buyers = 4
stock = 1
rounds = 3
"""
Talk = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Ended:
    """How a run ended, what it said, and the most memory that it had, in KiB."""

    exit_code: int
    said: str
    most_kib: int


def attempt(folder: Path, *arguments: str) -> Ended:
    """A run to its end; one that does not end is killed, and the test fails."""
    (folder / "quick.toml").write_text(QUICK)
    command = [*COMMAND, "run", str(folder / "quick.toml"), "--seed", "1", "--out", str(folder / "out"), *arguments]
    with (folder / "said").open("wb") as said:
        run = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        killer = threading.Timer(LIMIT_S, run.kill)
        killer.start()
        _, status, used = os.wait4(run.pid, 0)
        killer.cancel()
    text = (folder / "said").read_bytes()
    assert len(text) < MOST_BYTES_SAID
    assert used.ru_maxrss < MOST_KIB
    return Ended(os.waitstatus_to_exitcode(status), text.decode(), used.ru_maxrss)


# -- servers


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """Something that listens where a Postgres is expected; its DSN."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=_talk, args=(talk, connection), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"postgresql://somebody:s3cret-word@127.0.0.1:{listening.getsockname()[1]}/postgres"
        over.set()
        thread.join()


def _talk(talk: Talk, connection: socket.socket) -> None:
    with connection:
        connection.settimeout(60)
        try:
            connection.recv(4096)
            talk(connection)
        except OSError:
            return  # the harness hung up, as it should


def _error(message: bytes) -> bytes:
    fields = b"SFATAL\0VFATAL\0C28000\0M" + message + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def garbage(connection: socket.socket) -> None:
    connection.sendall(bytes(range(256)) * 64)


def broken_utf8(connection: socket.socket) -> None:
    connection.sendall(_error(b"caf\xe9 \xff\xfe\x80 \x1b[2J"))


def huge_error(connection: socket.socket) -> None:
    connection.sendall(_error(b"no" * 5_000_000))


def endless_message(connection: socket.socket) -> None:
    connection.sendall(b"E" + struct.pack("!i", 2**31 - 1))
    for _ in range(200):  # 200 MB; whoever waits for the message's end has them all
        connection.sendall(b"x" * 1_000_000)


def silence(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("talk", [garbage, broken_utf8, huge_error, endless_message, silence], ids=lambda f: f.__name__)
def test_a_hostile_server_ends_in_an_error_without_the_password(talk: Talk, tmp_path: Path) -> None:
    with server(talk) as dsn:
        ended = attempt(tmp_path, "--postgres", dsn, "--disposable")
    assert ended.exit_code in (2, 3), ended.said
    assert "s3cret-word" not in ended.said
    assert "\x1b[2J" not in ended.said


# -- contracts


ENDLESS = BUY.replace("begin\n", "begin\n  loop perform 1; end loop;\n", 1)
FLOOD = BUY.replace(
    "begin\n", "begin\n  for n in 1..20000 loop raise notice '%', repeat('xoxoxo ', 20); end loop;\n", 1
)


def test_a_function_that_never_ends_is_unusable(tmp_path: Path) -> None:
    ended = attempt(tmp_path, "-c", write_shop(tmp_path, TABLES + ENDLESS))
    assert ended.exit_code == 1, ended.said
    assert "cannot place even one plain order" in " ".join(ended.said.split())


def test_a_function_that_floods_notices_costs_time_only(tmp_path: Path) -> None:
    ended = attempt(tmp_path, "-c", write_shop(tmp_path, TABLES + FLOOD))
    assert ended.exit_code in (0, 4), ended.said
    assert "xoxoxo" not in ended.said


@pytest.mark.parametrize(
    "changes",
    [
        {'name = "shop"': 'name = "../../../escaped"'},
        {'name = "shop"': "name = \"x'; drop table products; --\""},
        {'table = "products"': "table = \"products; drop table lines; --\""},
        {'product = "id"': "product = \"id) from (select 1 as id) --\""},
        {'quantity = "stock"': "quantity = \"(select count(*) from read_csv('/etc/passwd'))\""},
        {'files = ["shop.sql"]': 'files = ["/dev/zero"]'},
        {"select buy(:product::int, :quantity::int)": "select buy(:product::int, :quantity::int); drop table lines"},
    ],
    ids=["path", "quoted name", "table", "expression", "files of the machine", "endless file", "two statements"],
)
def test_words_that_are_code_are_names_or_mistakes(changes: dict[str, str], tmp_path: Path) -> None:
    toml = SHOP
    for old, new in changes.items():
        assert old in toml
        toml = toml.replace(old, new, 1)
    folder = tmp_path / "shop"
    folder.mkdir()
    ended = attempt(folder, "-c", write_shop(folder, TABLES + BUY, toml))
    assert ended.exit_code in (0, 2, 4), ended.said
    assert "root:" not in ended.said
    assert {path.name for path in tmp_path.iterdir()} == {"shop"}
    assert all(path.is_relative_to(folder / "out") for path in folder.rglob("result.json"))


# -- a disk that is full


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk to fill")
def test_a_disk_that_fills_up_while_recording_is_an_error_and_no_pass() -> None:
    with tempfile.TemporaryDirectory(dir=temporary_base()) as folder:
        small = Path(folder) / "out"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(small)]
        mounted = subprocess.run(mount, capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
        try:
            ended = attempt(Path(folder))
            assert ended.exit_code == 3, ended.said
            assert "No space left" in ended.said
        finally:
            subprocess.run(["umount", small], check=True)
