import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doorbuster.host import process_table
from doorbuster.host.process_table import ProcessId, identify, is_alive

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP, cwd=tmp_path) as process:
        yield process
        process.kill()


def test_a_running_process_is_alive(sleeper: subprocess.Popen[bytes]) -> None:
    process = identify(sleeper.pid)
    assert process is not None
    assert is_alive(process)


def test_a_process_that_has_ended_is_not_alive_even_before_it_is_waited_for(sleeper: subprocess.Popen[bytes]) -> None:
    process = identify(sleeper.pid)
    assert process is not None
    sleeper.kill()
    assert process_table.wait_gone([process], 10) == []
    assert identify(sleeper.pid) is None


def test_the_next_holder_of_a_number_is_another_process_and_gets_no_signal(sleeper: subprocess.Popen[bytes]) -> None:
    earlier = ProcessId(sleeper.pid, "another boot/1")
    assert process_table.kill_all([earlier]) == []
    assert process_table.tree(earlier) == []
    assert sleeper.poll() is None


def test_a_tree_holds_grandchildren(tmp_path: Path) -> None:
    script = f"import subprocess; subprocess.Popen({SLEEP!r}); print(1, flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout
        parent.stdout.readline()
        family = process_table.tree_of(parent.pid)
        assert len(family) == 2
        assert process_table.kill_all(family) == []


def test_who_works_in_a_folder_is_found(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert [p.pid for p in process_table.living_in(tmp_path)] == [sleeper.pid]
    assert process_table.living_in(tmp_path / "other") == []
