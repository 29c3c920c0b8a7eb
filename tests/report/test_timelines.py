from pathlib import Path

import duckdb
import pytest
from doorbuster.model.result import OutcomePoint, RunResult, StockLine
from doorbuster.model.verdict import Verdict
from doorbuster.report.attempts import MOST, attempt_columns
from doorbuster.report.html import as_html
from doorbuster.report.over_time import BOTTOM, TOP, outcome_drawing, stock_drawing

from tests.report import samples
from tests.report.test_html_in_chromium import CHROMIUM, framed, opened, probed

MILLION = 1_000_000
FIVE_MEGABYTES = 5_000_000


def record(folder: Path, number: int) -> Path:
    """A scenario's folder with ``number`` attempts of sixty-four buyers, one in a thousand without an answer."""
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"""
            copy (select i as attempt, uuid()::varchar as order_key, 1 as try_no, (i % 64)::int as buyer, 'p' as phase,
                         1_790_000_000_000_000 + i * 137 as invoked_us, 5000 + i % 900 as duration_us,
                         if(i % 1000 = 7, 'unknown', if(i % 3 = 0, 'sold_out', 'ok')) as outcome,
                         if(i % 1000 = 7, 'timeout', null) as code, if(i % 1000 = 7, '</script>' || i, null) as message
                  from range({number}) as t(i))
            to '{folder / "attempts.parquet"}'""")
    return folder


def sample(name: str = "flash_sale") -> RunResult:
    return samples.run(Verdict.PASS, samples.scenario(name, timeline=samples.points()))


def test_all_attempts_are_shown_where_they_are_few(tmp_path: Path) -> None:
    told = attempt_columns(record(tmp_path / "s", 2000), MOST)
    assert told is not None
    assert (told["total"], len(told["at"])) == (2000, 2000)
    assert told["at"][:2] == (0, 137)
    assert told["at"] == tuple(sorted(told["at"]))
    assert [told["notes"][n] for n in told["note"] if n >= 0] == ["timeout </script>7", "timeout </script>1007"]


def test_of_many_all_without_success_are_kept_and_the_others_evenly(tmp_path: Path) -> None:
    told = attempt_columns(record(tmp_path / "s", 100_000), 1000)
    assert told is not None
    unknown = told["outcomes"].index("unknown")
    assert len(told["at"]) == 1000
    assert told["outcome"].count(unknown) == 100
    happy = [at for at, outcome in zip(told["at"], told["outcome"], strict=True) if outcome != unknown]
    assert happy[len(happy) // 2] == pytest.approx(100_000 * 137 / 2, rel=0.15)


def test_a_report_of_a_million_orders_is_below_five_megabytes(tmp_path: Path) -> None:
    record(tmp_path / "flash_sale", MILLION)
    page = as_html(sample(), samples.TEXTS, tmp_path)
    assert len(page.encode()) < FIVE_MEGABYTES
    assert "10,000 of 1,000,000" in page


def test_damaged_recordings_cost_the_picture_only(tmp_path: Path) -> None:
    (tmp_path / "flash_sale").mkdir()
    (tmp_path / "flash_sale" / "attempts.parquet").write_bytes(b"nonsense")
    assert "data-attempts" not in as_html(sample(), samples.TEXTS, tmp_path).split("<script")[0]


def test_columns_of_outcomes_stand_on_each_other() -> None:
    drawing = outcome_drawing([OutcomePoint(0.0, {"ok": 3, "unknown": 1}), OutcomePoint(1.0, {"ok": 2})])
    assert drawing is not None
    ok, unknown, later = drawing.bars
    assert unknown.y == TOP
    assert unknown.y + unknown.height == pytest.approx(ok.y, abs=0.2)
    assert ok.y + ok.height == pytest.approx(BOTTOM, abs=0.2)
    assert later.height == pytest.approx((BOTTOM - TOP) / 2, abs=0.2)


def test_stock_goes_down_in_steps_and_below_zero_is_seen() -> None:
    drawing = stock_drawing(StockLine("7", (0.0, 1.0, 2.0), (1.0, 0.0, -1.0), (0.0, 1.0, 2.0)), 4.0)
    assert drawing.least == -1
    assert drawing.stock.count("H") == drawing.stock.count("V") + 1 == 3
    assert TOP < drawing.frame.zero < BOTTOM


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
def test_ten_thousand_attempts_are_drawn_and_told_by_the_keyboard(tmp_path: Path) -> None:
    record(tmp_path / "flash_sale", MOST)
    page = as_html(sample(), samples.TEXTS, tmp_path)
    probe = """(() => {
      const canvas = page.querySelector(".attempts canvas"), context = canvas.getContext("2d");
      canvas.closest("details").dispatchEvent(new Event("toggle"));
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
      canvas.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", {key: "Home"}));
      return {
        painted: pixels.filter((v, i) => i % 4 === 3 && v).length / (pixels.length / 4),
        detail: page.querySelector(".detail").textContent,
      };
    })()"""
    dom, console = opened(tmp_path, framed(page, 1000, probe))
    seen = probed(dom)
    assert console == ""
    assert seen["painted"] > 0.5
    assert seen["detail"].startswith("Attempt 0: order ")
