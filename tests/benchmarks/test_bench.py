"""The collector of benchmarks: what it writes, and that one that fails neither hides nor stops the others."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import bench
from benchmarks.figure import figure


def use(monkeypatch: pytest.MonkeyPatch, **modules: SimpleNamespace) -> None:
    """Let the collector know these benchmarks and no others."""
    monkeypatch.setattr(bench, "MODULES", tuple(modules))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)


def fails() -> None:
    raise RuntimeError("no server")


FAST = SimpleNamespace(figures=lambda: [figure("orders_per_s", 45_000.0, "orders/s", 30_000)])
PLAIN = SimpleNamespace(figures=lambda: [figure("places", 12, "places")])
FAILING = SimpleNamespace(figures=fails)


def test_figures_of_every_benchmark_are_written_with_their_ratios(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, fast=FAST, plain=PLAIN)
    assert bench.main(["--json", str(tmp_path / "latest.json")]) == 0
    assert json.loads((tmp_path / "latest.json").read_text()) == [
        {"name": "orders_per_s", "value": 45_000.0, "unit": "orders/s", "reference": 30_000, "ratio": 1.5},
        {"name": "places", "value": 12, "unit": "places", "reference": None, "ratio": None},
    ]
    assert "45,000" in capsys.readouterr().out


def test_a_benchmark_that_fails_is_told_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, failing=FAILING, plain=PLAIN)
    assert bench.main(["--json", str(tmp_path / "latest.json")]) == 1
    assert [one["name"] for one in json.loads((tmp_path / "latest.json").read_text())] == ["places"]
    told = capsys.readouterr()
    assert "failed: failing" in told.out
    assert "no server" in told.err


def test_only_the_benchmarks_asked_for_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, failing=FAILING, plain=PLAIN)
    assert bench.main(["--only", "plain", "--json", str(tmp_path / "latest.json")]) == 0


def test_every_benchmark_in_the_list_is_one() -> None:
    for name in bench.MODULES:
        path = Path(bench.__file__).parent / f"{name}.py"
        assert "def figures() -> list[Figure]:" in path.read_text()
