import subprocess
import sys
from pathlib import Path

import pytest
from doorbuster.host.cache import built_once, cache_folder

BUILDER = """
import sys, time
from pathlib import Path
from doorbuster.host.cache import built_once
def build(new):
    new.mkdir()
    time.sleep(0.2)
    (new / "done").write_text("x")
    print("built")
built_once(Path(sys.argv[1]), build)
assert (Path(sys.argv[1]) / "done").exists()
"""


def test_parallel_processes_build_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "thing")]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    output = [builder.communicate()[0] for builder in builders]
    assert [b.returncode for b in builders] == [0] * 4
    assert "".join(output).count("built") == 1


def test_a_failed_build_leaves_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    def fail(new: Path) -> None:
        new.mkdir()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        built_once(tmp_path / "thing", fail)
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == []
    assert built_once(tmp_path / "thing", Path.touch).exists()


def test_the_remains_of_a_builder_that_died_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / ".thing.dead.new"
    stale.mkdir()
    built_once(tmp_path / "thing", Path.touch)
    assert not stale.exists()


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUSTER_CACHE", str(tmp_path / "a" / "b"))
    assert cache_folder() == tmp_path / "a" / "b"
    assert cache_folder().is_dir()
