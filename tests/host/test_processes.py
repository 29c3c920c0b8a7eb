import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from doorbuster.host.ports import LOOPBACK, free_port, is_free
from doorbuster.host.processes import run, spawn, terminate, unprivileged_user


def test_terminate_ends_a_process_that_ignores_the_request() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    assert terminate(process, 0.1) == -9
    process.stdout.close()


def test_an_unprivileged_user_is_chosen_for_root_only() -> None:
    user = unprivileged_user()
    assert (user is None) == (os.geteuid() != 0)
    if user:
        assert run(["id", "-u"], Path("/"), user).strip() == str(user.uid) != "0"


def test_a_child_sees_no_settings_of_postgres_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1")
    monkeypatch.setenv("TOKEN", "secret")
    output = run(["env"], Path("/"), unprivileged_user())
    assert "PGOPTIONS" not in output
    assert "secret" not in output


def test_a_spawned_process_leads_a_session_of_its_own(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = spawn([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, None, log)
    assert os.getsid(process.pid) == process.pid
    terminate(process, 5)


def test_a_free_port_is_free_until_somebody_listens() -> None:
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
