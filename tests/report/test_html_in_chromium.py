"""The report in a real browser: scripts run under the policy, and nothing overflows a telephone."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from doorbuster.model.result import RunResult
from doorbuster.report.html import as_html

from tests.report.samples import TEXTS, hostile, inconclusive, passing, violated

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    "--virtual-time-budget=3000", "--dump-dom",
]  # fmt: skip
# A window cannot be as narrow as a telephone, a frame can; this opens everything in it and notes what a test asks.
FRAME = """<!doctype html><title>frame</title><iframe width="{width}" height="900" srcdoc="{page}"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {{
  const page = frame.contentDocument, plots = () => [...page.querySelectorAll(".uplot canvas")];
  for (const part of page.querySelectorAll("details")) part.open = true;
  setTimeout(() => {{
    document.body.dataset.probe = JSON.stringify({probe});
  }}, 1500);
}});
</script>"""


PROBE = """{
  inner: frame.contentWindow.innerWidth, scroll: page.documentElement.scrollWidth,
  plots: plots().filter((canvas) => canvas.width > 100).length,
  fallbacks: [...page.querySelectorAll("[data-chart] .static")].filter((part) => !part.hidden).length,
}"""


def framed(html: str, width: int, probe: str = PROBE) -> str:
    """A page that shows the report ``width`` pixels wide, and notes what ``probe``, an expression, gives."""
    return FRAME.format(width=width, page=escape(html), probe=probe)


def opened(tmp_path: Path, html: str, *flags: str) -> tuple[str, str]:
    """The page's DOM after its scripts ran, and the browser's console."""
    assert CHROMIUM
    file = tmp_path / "report.html"
    file.write_text(html, encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, *FLAGS, *flags, profile, "--window-size=1400,1000", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console


def probed(dom: str) -> Any:
    found = re.search(r'data-probe="([^"]*)"', dom)
    assert found, "the probe did not run"
    return json.loads(unescape(found.group(1)))


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("sample", [passing, violated, hostile, inconclusive], ids=lambda f: f.__name__)
def test_the_report_fits_and_its_scripts_run_under_the_policy(
    tmp_path: Path, sample: Callable[[], RunResult], width: int
) -> None:
    result = sample()
    dom, console = opened(tmp_path, framed(as_html(result, TEXTS), width))
    seen = probed(dom)
    assert console == ""
    assert (seen["inner"], seen["plots"], seen["fallbacks"]) == (width, charts_of(result), 0)
    assert seen["scroll"] <= width


def charts_of(result: RunResult) -> int:
    """How many scenarios have a latency to draw."""
    return sum(len(scenario.timeline) > 1 for scenario in result.scenarios)


def test_the_policy_stops_a_script_that_is_not_the_reports_own(tmp_path: Path) -> None:
    intruder = "<script>document.documentElement.dataset.intruder = 1</script></body>"
    dom, console = opened(tmp_path, as_html(passing(), TEXTS).replace("</body>", intruder))
    assert "data-intruder" not in dom.split("<head>")[0]
    assert "Content Security Policy" in console
