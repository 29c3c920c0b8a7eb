import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from doorbuster.host import process_table
from doorbuster.host.guardian import Guardian
from doorbuster.host.scratch import LEASE, scratch_folder, sweep

DIES = """
import os, signal, subprocess, sys
from pathlib import Path
from doorbuster.host import process_table
from doorbuster.host.guardian import Guardian
from doorbuster.host.scratch import scratch_folder
with Guardian() as guardian, scratch_folder(guardian, Path(sys.argv[1])) as folder:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd=folder,
                             stdout=subprocess.DEVNULL, start_new_session=True)
    print(child.pid, flush=True)
    process_table.kill_all(process_table.tree_of(guardian.pid))  # as a reboot would, or the kernel short of memory
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_scratch_folder_is_closed_to_others_and_gone_at_the_end(tmp_path: Path) -> None:
    with Guardian() as guardian, scratch_folder(guardian, tmp_path) as folder:
        assert folder.stat().st_mode & 0o007 == 0
        assert json.loads((folder / LEASE).read_text())["pid"] == os.getpid()
    assert not folder.exists()


def test_a_scratch_folder_is_gone_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Guardian() as guardian, scratch_folder(guardian, tmp_path) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_a_sweep_removes_what_a_dead_run_left_with_its_processes(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    orphan = process_table.identify(int(done.stdout))
    assert orphan
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    assert sweep(tmp_path) == left
    assert not process_table.is_alive(orphan)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_leaves_the_folders_of_living_owners(tmp_path: Path) -> None:
    with Guardian() as guardian, scratch_folder(guardian, tmp_path) as folder:
        swept = subprocess.run(
            [sys.executable, "-c", f"from doorbuster.host.scratch import *; print(sweep(Path({str(tmp_path)!r})))"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert swept.stdout.strip() == "[]"
        assert folder.exists()


def test_a_sweep_leaves_folders_without_a_lease_and_links(tmp_path: Path) -> None:
    (tmp_path / "doorbuster-foreign").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LEASE).write_text(json.dumps({"pid": 1, "mark": "long ago"}))
    (tmp_path / "doorbuster-link").symlink_to(elsewhere)
    assert sweep(tmp_path) == []
    assert (elsewhere / LEASE).exists()


def test_a_lease_of_a_recycled_number_counts_as_dead(tmp_path: Path) -> None:
    folder = tmp_path / "doorbuster-old"
    folder.mkdir()
    (folder / LEASE).write_text(json.dumps({"pid": os.getpid(), "mark": "another boot/1"}))
    assert sweep(tmp_path) == [folder]
