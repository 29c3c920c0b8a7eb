import json
import os
import subprocess
from pathlib import Path

from doorbuster.host.scratch import LEASE
from doorbuster.postgres.connect import run_privately
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.given import mark_disposable, unmark_disposable

from tests.integration.conftest import COMMAND
from tests.postgres.conftest import binaries, guardian, server  # noqa: F401  # the fixtures


def clean(*options: str, temporary: Path, cache: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "TMPDIR": str(temporary)}
    if cache:
        environment["DOORBUSTER_CACHE"] = str(cache)
    return subprocess.run(
        [*COMMAND, "clean", *options], capture_output=True, text=True, check=False, env=environment
    )


def left_by_a_dead_run(temporary: Path, pid: int = 4_000_000) -> Path:
    folder = temporary / "doorbuster-left"
    folder.mkdir()
    (folder / LEASE).write_text(json.dumps({"pid": pid, "mark": "long ago"}))
    return folder


def reachable(folder: Path) -> Path:
    """Open to the user that runs Postgres, so that it is where scratch folders go."""
    for path in [folder, *folder.parents]:
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    return folder


def test_folders_of_dead_runs_are_removed_and_named(tmp_path: Path) -> None:
    folder = left_by_a_dead_run(reachable(tmp_path))
    done = clean(temporary=tmp_path)
    assert (done.returncode, folder.exists()) == (0, False), done
    assert f"removed folder {folder}" in done.stdout


def test_with_nothing_to_remove_it_says_so(tmp_path: Path) -> None:
    (reachable(tmp_path) / "doorbuster-somebody-elses").mkdir()
    done = clean(temporary=tmp_path)
    assert done.returncode == 0
    assert "folder" not in done.stdout
    assert (tmp_path / "doorbuster-somebody-elses").exists()


def test_the_cache_goes_only_when_asked(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "data-18").mkdir()
    (cache / "toxiproxy-server-2.12.0").touch()
    assert clean(temporary=tmp_path, cache=cache).returncode == 0
    assert len(list(cache.iterdir())) == 2
    assert clean("--cache", temporary=tmp_path, cache=cache).returncode == 0
    assert list(cache.iterdir()) == []


def test_databases_of_dead_runs_are_dropped_on_a_marked_server_only(tmp_path: Path, server: EmbeddedServer) -> None:  # noqa: F811
    dsn, left = server.dsn("postgres"), "doorbuster_0badf00d_shop"
    run_privately(Databases(server).clone("template1", left))
    refused = clean("--postgres", dsn, temporary=tmp_path)
    assert refused.returncode == 3
    assert "does not say that it is disposable" in refused.stderr
    assert server.password not in refused.stderr
    mark_disposable(dsn)
    done = clean("--postgres", dsn, temporary=tmp_path)
    unmark_disposable(dsn)
    assert done.returncode == 0, done
    assert f"removed database {left}" in done.stdout
