"""``index.html`` beside the runs: which there are, what each concluded, and how latency went from run to run."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import SCHEMA
from doorbuster.model.verdict import Verdict
from doorbuster.report.files import write_atomically
from doorbuster.report.result_json import NAME as RESULT
from doorbuster.report.template import page

NAME = "index.html"
MOST = 100  # runs, the newest first; older ones are counted
_WIDTH, _HEIGHT, _PAD = 720, 120, 10
_EXIT_INTERRUPTED = 130
_OURS, _HEAD = '<meta name="generator" content="Doorbuster">', 4000


@dataclass(frozen=True, slots=True)
class Row:
    """A run: ``latency`` is the p50 and the p99 of its slowest phase without a fault, in milliseconds."""

    folder: str
    contract: str
    verdict: Verdict
    is_interrupted: bool
    started: str
    duration_s: float
    scenarios: int
    orders: int
    failed: tuple[str, ...]
    latency: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trend:
    """A contract's latency over its runs, the oldest first, as paths with the same scale."""

    contract: str
    runs: int
    p50: str
    p99: str
    dots: tuple[tuple[float, float, str], ...]
    most_ms: float
    last: tuple[float, float]
    width: int = _WIDTH
    height: int = _HEIGHT


class IndexReport:
    """Writes ``index.html`` into the folder that the run's own folder lies in, unless somebody else has one there."""

    def on(self, event: Event) -> None:
        """Write when the run is over; its ``result.json`` must have been written."""
        if isinstance(event, RunFinished):
            path = event.folder.parent / NAME
            if not path.exists() or _OURS in path.read_text(encoding="utf-8", errors="replace")[:_HEAD]:
                write_atomically(path, as_index(path.parent))


def as_index(folder: Path) -> str:
    """The page for the runs in ``folder``."""
    results = sorted(folder.glob(f"*/{RESULT}"), key=lambda path: path.parent.name, reverse=True)
    rows = [row for path in results[:MOST] if (row := _row(path))]
    return page("index.html.j2", rows=rows, older=max(0, len(results) - MOST), trends=list(_trends(rows)))


def _row(path: Path) -> Row | None:
    """The run of a ``result.json``; None where it is none, or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _read(path.parent.name, content) if content.get("schema") == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read(folder: str, content: Mapping[str, Any]) -> Row:
    scenarios = content["scenarios"]
    return Row(
        folder,
        str(content["contract"].get("name", "checkout")),
        Verdict(content["verdict"]),
        content["exit_code"] == _EXIT_INTERRUPTED,
        str(content["started"])[:19].replace("T", " "),
        float(content["duration_s"]),
        len(scenarios),
        sum(scenario["orders"] for scenario in scenarios),
        tuple(dict.fromkeys(c["name"] for s in scenarios for c in s["checks"] if c["status"] == "violated")),
        _latency(scenarios),
    )


def _latency(scenarios: Iterable[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Faults are to be slow; what tells one version from the next is the load without any."""
    calm = [s for s in scenarios if s["kind"] == "load" and not s["faults"]]
    phases = [p for s in calm for p in s["phases"] if p["rate"] is not None and p["p99_ms"] is not None]
    slowest = max(phases, key=lambda phase: phase["p99_ms"], default=None)
    return (float(slowest["p50_ms"]), float(slowest["p99_ms"])) if slowest else None


def _trends(rows: list[Row]) -> Iterable[Trend]:
    for contract in dict.fromkeys(row.contract for row in rows):
        known = [row for row in reversed(rows) if row.contract == contract and row.latency is not None]
        if len(known) > 1:
            yield _trend(contract, known)


def _trend(contract: str, rows: list[Row]) -> Trend:
    pairs = [row.latency or (0.0, 0.0) for row in rows]
    most = max(p99 for _, p99 in pairs) or 1.0
    xs = [round(_PAD + n * (_WIDTH - 2 * _PAD) / (len(rows) - 1), 1) for n in range(len(rows))]

    def y(ms: float) -> float:
        return round(_HEIGHT - _PAD - ms / most * (_HEIGHT - 2 * _PAD), 1)

    def path(values: Iterable[float]) -> str:
        return "M" + "L".join(f"{x} {y(value)}" for x, value in zip(xs, values, strict=True))

    dots = tuple((x, y(p99), row.folder) for x, (_, p99), row in zip(xs, pairs, rows, strict=True))
    return Trend(contract, len(rows), path(p for p, _ in pairs), path(p for _, p in pairs), dots, most, pairs[-1])
