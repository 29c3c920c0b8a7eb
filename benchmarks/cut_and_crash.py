"""How fast cuts and crashes are, on the hardened function, judging included.

cuts_per_s: every byte of a warmed order's conversation, closed, retry and recording included. every_byte_s and
every_statement_s: the whole scenario; every statement meets every kind but the whole server's. kill_median_ms and
kill_most_ms: from the whole server's kill to its first good order.
"""

import tempfile
from pathlib import Path
from typing import Any

from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.model.crash import GENTLE
from doorbuster.model.result import ScenarioResult

from benchmarks.figure import Figure, figure

KILLS = 20


def driven(kind: str, settings: dict[str, Any]) -> ScenarioResult:
    """A scenario of the hardened function, judged.

    Raises:
        RuntimeError: it did not pass, so its speed means nothing.
    """
    content = {"name": kind, "kind": kind, "description": "A benchmark.", kind: settings}
    with tempfile.TemporaryDirectory() as folder:
        result = run(job_of(None, content), RunSettings(out=Path(folder), seed=1, command="benchmark"), lambda _: None)
    if result.error or result.exit_code:
        raise RuntimeError(f"{kind}: {result.verdict.value}: {result.error}")
    return result.scenarios[0]


def figures() -> list[Figure]:
    """All figures of cut and crash."""
    cut = driven("cut", {"step": "byte", "kinds": ["close"]})
    crash = driven("crash", {"kinds": [*GENTLE, "kill_backend"]})
    load = driven("crash", {"at": "load", "kills": KILLS})
    assert cut.cuts is not None
    assert crash.crashes is not None
    assert load.crashes is not None
    kills = sorted(k["down_ms"] + k["first_order_ms"] for k in load.crashes["every_kill"])
    return [
        figure("cuts_per_s", cut.cuts["cuts_per_s"], "cuts/s", 150),
        figure("every_byte_places", cut.cuts["places"], "places"),
        figure("every_byte_s", round(cut.duration_s, 2), "s", 10),
        figure("every_statement_places", crash.crashes["places"], "places"),
        figure("every_statement_s", round(crash.duration_s, 2), "s", 10),
        figure("kill_median_ms", round(kills[len(kills) // 2], 1), "ms", 1000),
        figure("kill_most_ms", round(kills[-1], 1), "ms", 1000),
    ]
