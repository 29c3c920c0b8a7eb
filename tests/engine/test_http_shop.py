"""The harness runs a shop: it waits until it is ready, says why it is not, and leaves nothing behind."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psutil
import pytest
from doorbuster.drive.sql_buyer import Target
from doorbuster.engine.errors import UsageError
from doorbuster.engine.http_shop import HttpShop, database_url, run_shop
from doorbuster.host.guardian import Guardian
from doorbuster.model.contract import HttpServer

DATABASE = Target("127.0.0.1", 5432, "us er", "p@ss/word", "shop db")
# Answers with what is in its environment, 503 for the first two times, and has a child.
SHOP = """
import http.server, os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    times = 0
    def do_GET(self):
        Handler.times += 1
        self.send_response(503 if Handler.times < 3 else 200)
        self.end_headers()
        self.wfile.write(repr(dict(os.environ)).encode())
http.server.HTTPServer((os.environ["HOST"] if len(sys.argv) < 2 else sys.argv[1], int(os.environ["PORT"])), Handler).serve_forever()
"""  # noqa: E501


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as started:
        yield started


def opened(server: HttpServer, guardian: Guardian, folder: Path) -> AbstractContextManager[HttpShop]:
    return run_shop(server, DATABASE, guardian, folder / "shop.log")


def refused(server: HttpServer, guardian: Guardian, folder: Path, told: str) -> None:
    """It does not open, and says so."""
    with pytest.raises(UsageError, match=told), opened(server, guardian, folder):
        pass


def server(folder: Path, *arguments: str, ready_s: float = 20) -> HttpServer:
    (folder / "shop.py").write_text(SHOP)
    return HttpServer(
        command=("{python}", "shop.py", *arguments), folder=str(folder), ready_s=ready_s,
        environment={"ELSEWHERE": "{database_url}"},
    )  # fmt: skip


def test_a_shop_is_ready_when_it_says_so_knows_its_database_and_is_gone_with_its_children(
    tmp_path: Path, guardian: Guardian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "of the user's")
    with opened(server(tmp_path), guardian, tmp_path) as shop:
        said = httpx.get(f"http://{shop.host}:{shop.port}/", trust_env=False).text
        url = "postgresql://us%20er:p%40ss%2Fword@127.0.0.1:5432/shop%20db"
        assert f"'DATABASE_URL': '{url}'" in said
        assert f"'ELSEWHERE': '{url}'" in said
        assert "'PGDATABASE': 'shop db'" in said
        assert "A_SECRET" not in said
        family = [psutil.Process(shop.process.pid), *psutil.Process(shop.process.pid).children(recursive=True)]
        assert len(family) == 2
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_shop_that_ends_is_quoted(tmp_path: Path, guardian: Guardian) -> None:
    broken = HttpServer(command=(sys.executable, "-c", "raise SystemExit('no such module: express')"))
    refused(broken, guardian, tmp_path, r"ended by itself with code 1.*\n.*no such module: express")


def test_a_program_that_is_not_there_is_named(tmp_path: Path, guardian: Guardian) -> None:
    refused(HttpServer(command=("nmp", "run")), guardian, tmp_path, r"place\.http\.server\.command: nmp: No such file")


def test_a_shop_that_is_never_ready_is_told_what_was_expected(tmp_path: Path, guardian: Guardian) -> None:
    sleeps = HttpServer(command=(sys.executable, "-c", "import time; time.sleep(60)"), ready_s=0.5)
    refused(sleeps, guardian, tmp_path, r"not ready within 0\.5 s \(it did not listen\).*PORT")


def test_a_shop_that_others_can_reach_is_refused(tmp_path: Path, guardian: Guardian) -> None:
    refused(server(tmp_path, "0.0.0.0"), guardian, tmp_path, r"listens on 0\.0\.0\.0:\d+, for other machines too")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_under_root_a_shop_is_nobody_special(guardian: Guardian, tmp_path: Path) -> None:
    whoami = HttpServer(command=("/bin/sh", "-c", "id -u; sleep 0.2; exit 7"), folder="/")
    refused(whoami, guardian, tmp_path, r"code 7.*\n(?!0$)\d+$")


def test_settings_of_sessions_go_into_the_address() -> None:
    url = database_url(Target("h", 1, "u", "p", "d", settings={"a.b": "1", "c": "read committed"}))
    assert url == "postgresql://u:p@h:1/d?options=-c%20a.b%3D1%20-c%20c%3Dread%5C%20committed"
