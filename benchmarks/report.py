"""The HTML report of a load of a million attempts: how long judging and drawing take, its size, and how fast it opens.

    python -m benchmarks.bench --only report
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

from doorbuster.config.contract import load_contract
from doorbuster.config.scenario import load_scenario
from doorbuster.engine.loading import DEFAULT_CONTRACT
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.judge.judge import judge_scenario
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.network.faults import FAULTS
from doorbuster.report.html import as_html

from benchmarks.figure import Figure, figure
from benchmarks.synthetic import write_changes, write_history

ATTEMPTS = int(os.environ.get("DOORBUSTER_REPORT_ATTEMPTS", "1000000"))
MOST_BYTES, MOST_S = 5e6, 2.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCENARIO = """
name = "flash_sale"
kind = "load"
description = "A million."
workload = { arrivals = "rate", buyers = 64, products = 1000, stock = 1000000 }
phases = [{ name = "steady", duration_s = 100, rate = 10000 }]
checks = { require = ["conservation", "partial_order", "movements", "lost_order"] }
"""
# The page's own clock: from the start of the navigation until everything in it was loaded and its scripts had run.
PROBE = """<script>addEventListener("load", () => setTimeout(() => {
  const [entry] = performance.getEntriesByType("navigation");
  document.title = JSON.stringify(entry.loadEventEnd / 1000);
}));</script></body>"""


def figures() -> list[Figure]:
    """Judge and draw a run that was made up, and open it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_history(folder / "flash_sale", ATTEMPTS)
        write_changes(folder / "flash_sale")
        begun = time.monotonic()
        judged = _judged(folder)
        seen = time.monotonic()
        page = as_html(_run(judged), standard_checks(), folder)
        drawn = time.monotonic()
        found = [
            figure(f"report: judging {judged.attempts:,} attempts", round(seen - begun, 2), "s"),
            figure("report: drawing it", round(drawn - seen, 2), "s"),
            figure("report: size", len(page.encode()), "bytes", MOST_BYTES),
        ]
        if CHROMIUM:
            found.append(figure("report: opening it in Chromium", _opened_s(page, folder), "s", MOST_S))
        return found


def _judged(folder: Path) -> ScenarioResult:
    path = folder / "flash_sale.toml"
    path.write_text(SCENARIO)
    checks = standard_checks()
    scenario = load_scenario(path, checks, FAULTS).scenario
    return judge_scenario(
        folder / "flash_sale", load_contract(resource(DEFAULT_CONTRACT)).contract, scenario, checks, {}
    )


def _run(scenario: ScenarioResult) -> RunResult:
    return RunResult(
        verdict=scenario.verdict, exit_code=scenario.verdict.exit_code, seed=1, command="doorbuster run flash_sale",
        started=datetime.now(UTC).isoformat(timespec="seconds"), duration_s=scenario.duration_s, postgres={},
        toxiproxy={}, contract={"name": "create_order_with_inventory"}, scenarios=(scenario,),
    )  # fmt: skip


def _opened_s(page: str, folder: Path) -> float:
    # The clock is no part of the report, so the policy has to let it in.
    start = page.index('<meta http-equiv="Content-Security-Policy"')
    page = page[:start] + page[page.index(">", start) + 1 :]
    file = folder / "report.html"
    file.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             f"--user-data-dir={folder / 'profile'}", "--timeout=20000", "--dump-dom"]  # fmt: skip
    command = [str(CHROMIUM), *flags, file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    return round(float(json.loads(unescape(title))), 2)
