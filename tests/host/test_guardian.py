"""The guardian, by killing real harness processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from doorbuster.host import process_table
from doorbuster.host.guardian import Guardian, Watch
from doorbuster.host.process_table import ProcessId

PATIENCE_S = 15.0
HARNESS = """
import subprocess, sys, time
from pathlib import Path
from doorbuster.host.guardian import Guardian
folder = Path(sys.argv[1])
folder.mkdir()
(folder / "file").write_text("x")
with Guardian() as guardian:
    guardian.watch_folder(folder)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    guardian.watch_process(child.pid)
    try:
        print(child.pid, guardian.pid, flush=True)
        time.sleep(600)
    finally:
        if "forgets" in sys.argv:
            guardian.forget_process(child.pid)
            guardian.forget_folder(folder)
"""


class Harness:
    """A harness in a process of its own, with a stubborn child and a folder that it watches."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-c", HARNESS, str(folder), *words]
        self.folder = folder
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True)
        assert self.process.stdout
        self.child, self.guardian = (self._known(int(word)) for word in self.process.stdout.readline().split())

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.communicate()

    @staticmethod
    def _known(pid: int) -> ProcessId:
        known = process_table.identify(pid)
        assert known
        return known


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_whatever_ends_the_harness_nothing_remains(tmp_path: Path, number: int) -> None:
    harness = Harness(tmp_path / "scratch")
    harness.end(number)
    assert process_table.wait_gone([harness.guardian, harness.child], PATIENCE_S) == []
    assert not harness.folder.exists()


def test_a_signal_to_the_whole_process_group_does_not_reach_the_guardian(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "scratch")
    os.killpg(harness.process.pid, signal.SIGKILL)
    harness.process.communicate()
    assert process_table.wait_gone([harness.guardian, harness.child], PATIENCE_S) == []
    assert not harness.folder.exists()


def test_the_guardian_survives_polite_signals(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "scratch")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(harness.guardian.pid, number)
    harness.end(signal.SIGKILL)
    assert process_table.wait_gone([harness.guardian, harness.child], PATIENCE_S) == []
    assert not harness.folder.exists()


def test_what_was_forgotten_stays(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "scratch", "forgets")
    harness.end(signal.SIGINT)
    assert process_table.wait_gone([harness.guardian], PATIENCE_S) == []
    assert process_table.is_alive(harness.child)
    assert harness.folder.exists()
    process_table.kill_all([harness.child])


def test_a_forked_child_that_holds_the_pipe_does_not_keep_the_guardian_waiting(tmp_path: Path) -> None:
    fork = "    import os\n    if os.fork() == 0: time.sleep(60); os._exit(0)\n"
    script = HARNESS.replace("    try:\n", f"{fork}    try:\n")
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    watched = [known for word in process.stdout.readline().split() if (known := process_table.identify(int(word)))]
    family = process_table.tree_of(process.pid)
    process.kill()
    process.wait()
    assert process_table.wait_gone(watched, PATIENCE_S) == []
    process.stdout.close()
    process_table.kill_all(family)


def test_a_recycled_number_is_not_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as bystander:
        watch = Watch()
        watch.take({"watch": [bystander.pid, "an earlier holder"], "signal": signal.SIGKILL})
        watch.clean()
        assert bystander.poll() is None
        bystander.kill()


def test_an_orderly_end_leaves_no_guardian() -> None:
    with Guardian() as guardian:
        assert guardian.pid
        process = process_table.identify(guardian.pid)
    assert process
    assert not process_table.is_alive(process)


def test_a_killed_guardian_does_not_disturb_the_harness(tmp_path: Path) -> None:
    with Guardian() as guardian:
        assert guardian.pid
        process_table.kill_all(process_table.tree_of(guardian.pid))
        guardian.watch_folder(tmp_path / "folder")
        guardian.watch_process(os.getpid())


@pytest.mark.parametrize("refused", [lambda: Path("relative"), lambda: Path("/"), lambda: Path("/tmp"), Path.home])
def test_folders_that_must_stay_are_refused(refused: Callable[[], Path]) -> None:
    with Guardian() as guardian, pytest.raises(ValueError, match="refusing"):
        guardian.watch_folder(refused())
