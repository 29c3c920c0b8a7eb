"""axe-core finds nothing serious in the reports, in the light and in the dark."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from doorbuster.model.result import RunResult
from doorbuster.report.html import as_html
from doorbuster.report.index import as_index
from doorbuster.report.result_json import as_json

from tests.report import samples
from tests.report.test_html_in_chromium import CHROMIUM, opened, probed
from tests.report.test_timelines import record

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
DARK = "--blink-settings=preferredColorScheme=0"
RUN = """<script>{axe}</script><script>
for (const part of document.querySelectorAll("details")) part.open = true;
axe.run(document, {{resultTypes: ["violations"]}}).then((found) => {{
  document.body.dataset.probe = JSON.stringify(found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " " + n.any.map((a) => a.message))]));
}});
</script></body>"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's source, from npm."""
    folder = tmp_path_factory.mktemp("axe")
    if shutil.which("npm") is None:
        pytest.skip("no npm on PATH, and with it no axe-core")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), "axe-core@4"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=90)
    except (subprocess.SubprocessError, OSError):
        pytest.skip("axe-core cannot be had from npm here")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text().replace("</script", "<\\/script")


def serious(tmp_path: Path, html: str, axe: str, *flags: str) -> object:
    # axe is no part of the report, so for once the policy has to go.
    start = html.index('<meta http-equiv="Content-Security-Policy"')
    page = html[:start] + html[html.index(">", start) + 1 :]
    return probed(opened(tmp_path, page.replace("</body>", RUN.format(axe=axe)), *flags)[0])


@pytest.mark.parametrize("flags", [(), (DARK,)], ids=["light", "dark"])
@pytest.mark.parametrize("sample", [samples.passing, samples.violated, samples.inconclusive], ids=lambda f: f.__name__)
def test_a_report_has_no_serious_fault(
    sample: Callable[[], RunResult], flags: tuple[str, ...], axe: str, tmp_path: Path
) -> None:
    record(tmp_path / "last_item", 500)
    assert serious(tmp_path, as_html(sample(), samples.TEXTS, tmp_path), axe, *flags) == []


def test_the_index_has_no_serious_fault(axe: str, tmp_path: Path) -> None:
    for name, result in (("a", samples.passing()), ("b", samples.violated()), ("c", samples.slow())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(as_json(result))
    assert serious(tmp_path, as_index(tmp_path), axe) == []


def test_a_serious_fault_would_be_found(axe: str, tmp_path: Path) -> None:
    page = as_html(samples.passing(), samples.TEXTS).replace("</main>", '<img src="data:,"></main>')
    assert "image-alt" in str(serious(tmp_path, page, axe))
