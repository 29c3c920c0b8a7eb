import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doorbuster.host.ports import free_port
from doorbuster.postgres.given import MARKER, compose_dsn, is_marked
from doorbuster.postgres.settings import DEFAULTS

from tests.integration.conftest import COMMAND, finished

FILE = Path(__file__).parents[2] / "docker-compose.yml"
PATIENCE_S = 120


def test_the_compose_file_has_the_settings_of_the_harness() -> None:
    found = dict(re.findall(r'(?m)^ +- "?-c(\w+)=([^"\n]*)"?$', FILE.read_text()))
    assert found == {**DEFAULTS, "max_connections": "200"}


def test_everything_in_the_compose_file_is_published_on_the_loopback_interface_only() -> None:
    text = FILE.read_text()
    published = re.findall(r"[\"'\[ ]((?:[\d.]+:)?\$\{\w+_PORT:-\d+\}:\d+)", text)
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "network_mode" not in text


def test_the_compose_file_marks_its_server() -> None:
    assert MARKER in (FILE.parent / "sql" / "disposable.sql").read_text()


@pytest.fixture
def compose(postgres_image: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server of the compose file, up and ready; its DSN."""
    program = shutil.which("docker-compose")
    with_plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    if not (program or with_plugin):
        pytest.skip("no docker compose")
    command = ["docker", "compose"] if with_plugin else [str(program)]
    monkeypatch.setenv("DOORBUSTER_POSTGRES_IMAGE", postgres_image)
    monkeypatch.setenv("DOORBUSTER_COMPOSE_PORT", str(free_port()))
    monkeypatch.setenv("DOORBUSTER_COMPOSE_PASSWORD", "a word/of its own")
    command += ["--file", str(FILE), "--project-name", f"doorbuster-test-{os.getpid()}"]
    subprocess.run([*command, "up", "-d", "postgres"], check=True, capture_output=True)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _ready():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield compose_dsn()
    finally:
        subprocess.run([*command, "down", "--volumes"], check=True, capture_output=True)


def _ready() -> bool:
    from doorbuster.postgres.errors import ServerError

    try:
        return is_marked(compose_dsn())
    except ServerError:
        return False


def test_a_run_uses_the_compose_server_and_says_what_it_cannot_do(compose: str, tmp_path: Path) -> None:
    command = [*COMMAND, "run", "last_item", "server_crash", "--postgres", "compose", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    run = finished(done.returncode, done.stdout + done.stderr, tmp_path)
    assert run.exit_code == 4, run.output
    assert run.scenario("last_item")["verdict"] == "pass"
    assert run.scenario("server_crash")["verdict"] == "inconclusive"
    assert run.result["postgres"]["runtime"] == "compose"
