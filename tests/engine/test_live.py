"""Loads that are judged while they go on: a broken shop is stopped at its first violation, a good one is left alone."""

import time
from pathlib import Path
from typing import Any

import httpx
import tomli_w
from doorbuster.engine.loading import load_job
from doorbuster.engine.run import RunSettings, run
from doorbuster.engine.stage import StageOptions
from doorbuster.host.resources import resource
from doorbuster.model.events import Event, Notice, Progress
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict

RATE, DURATION_S = 60, 12


def driven(folder: Path, contract: str, events: list[Event], **options: Any) -> ScenarioResult:
    """A load whose answers get lost after the commit now and then, so that buyers ask again."""
    content = {
        "name": "lossy", "kind": "load", "description": "A test.",
        "workload": {"arrivals": "rate", "buyers": 8, "products": 10, "stock": 10_000, "lines": [1, 2]},
        "phases": [{"name": "all", "duration_s": options.pop("duration_s", DURATION_S), "rate": RATE}],
        "faults": [{"kind": "ack_lost", "start_s": 0.5, "duration_s": 1.5, "pulse_s": 0.1, "every_s": 0.4}],
    }  # fmt: skip
    path = folder / "lossy.toml"
    path.write_text(tomli_w.dumps(content))
    job = load_job(resource(f"scenarios/contracts/{contract}.toml"), [str(path)])
    settings = RunSettings(out=folder, seed=7, command="test", options=StageOptions(**options))

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Notice) and "http://" in event.text:
            url = event.text[event.text.index("http://") :]
            pages.append(_page(url))

    pages: list[str] = []
    result = run(job, settings, listen)
    assert result.error is None, result.error
    if options.get("web"):
        assert pages == ["there"]
    return result.scenarios[0]


def _page(url: str) -> str:
    """Whether Locust's page comes up; on a busy machine it may hang up on the first who ask."""
    with httpx.Client(timeout=20) as client:
        for tries_left in reversed(range(20)):
            try:
                return "there" if "ocust" in client.get(url).text else "something else"
            except httpx.TransportError:
                if not tries_left:
                    raise
                time.sleep(0.2)
    raise AssertionError


def test_a_broken_shop_is_stopped_at_its_first_violation(tmp_path: Path) -> None:
    result = driven(tmp_path, "first_published", [], stop_on_violation=True)
    assert result.verdict is Verdict.VIOLATION
    assert result.stopped is not None
    assert result.stopped.startswith("duplicate_order at commit ")
    assert result.orders < RATE * DURATION_S * 0.9
    (duplicates,) = [check for check in result.checks if check.name == "duplicate_order"]
    assert result.stopped.split()[3] in {row["lsn"] for row in duplicates.rows}
    assert ("violation", None) in [(h.what, h.fault) for h in result.journal]


def test_a_good_shop_is_watched_to_the_end(tmp_path: Path) -> None:
    events: list[Event] = []
    result = driven(tmp_path, "create_order_with_inventory", events, stop_on_violation=True, web=True, waits=True,
                    duration_s=5)  # fmt: skip
    assert result.stopped is None
    assert not [check.name for check in result.checks if check.violations]
    assert result.live is not None
    assert result.live["problem"] is None
    assert result.live["violations"] == {}
    shown = [event.live for event in events if isinstance(event, Progress) and event.live is not None]
    assert shown
    assert max(state.units_sold for state in shown) > 0
    assert all(state.units_sold + state.stock == 10 * 10_000 for state in shown)
    assert result.waits is not None
    assert result.waits.instants > 10
    calls = {one.text: one.calls for one in result.waits.statements}
    (placed,) = (number for text, number in calls.items() if "create_order_with_inventory" in text)
    assert result.orders // 2 <= placed <= 2 * result.orders  # the server counts retries, too
    # Also what the function does: of its statements those that are among the ten dearest.
    assert any(text.startswith(("insert into", "update products", "select price")) for text in calls), calls
