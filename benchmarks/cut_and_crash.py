"""How fast cuts and crashes are: prints one line a figure, or JSON with --json.

    python benchmarks/cut_and_crash.py [--json]

cuts_per_s: every byte of a warmed order's conversation, closed, retry and recording included. crash_s: every statement,
every kind but the whole server's. kill_ms: from the whole server's kill to its first good order, median and worst.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.model.crash import GENTLE
from doorbuster.model.result import ScenarioResult


def driven(kind: str, settings: dict[str, Any]) -> ScenarioResult:
    """A scenario of the hardened function, judged."""
    content = {"name": kind, "kind": kind, "description": "A benchmark.", kind: settings}
    with tempfile.TemporaryDirectory() as folder:
        result = run(job_of(None, content), RunSettings(out=Path(folder), seed=1, command="benchmark"), lambda _: None)
    if result.error or result.exit_code:
        raise SystemExit(f"{kind}: {result.verdict.value}: {result.error}")
    return result.scenarios[0]


def figures() -> dict[str, float]:
    """All figures by name."""
    cut, crash, load = (
        driven("cut", {"step": "byte", "kinds": ["close"]}),
        driven("crash", {"kinds": [*GENTLE, "kill_backend"]}),
        driven("crash", {"at": "load", "kills": 20}),
    )
    assert cut.cuts is not None
    assert crash.crashes is not None
    assert load.crashes is not None
    kills = sorted(k["down_ms"] + k["first_order_ms"] for k in load.crashes["every_kill"])
    return {
        "cut_places": cut.cuts["places"],
        "cuts_per_s": cut.cuts["cuts_per_s"],
        "cut_s": round(cut.duration_s, 2),
        "crash_places": crash.crashes["places"],
        "crash_s": round(crash.duration_s, 2),
        "kill_median_ms": round(kills[len(kills) // 2], 1),
        "kill_most_ms": round(kills[-1], 1),
    }


if __name__ == "__main__":
    found = figures()
    print(json.dumps(found) if "--json" in sys.argv else "\n".join(f"{name:16} {n}" for name, n in found.items()))
