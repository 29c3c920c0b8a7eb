from dataclasses import replace
from typing import Any

from doorbuster.model.check import CheckStatus
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.evidence import failure_text
from doorbuster.report.html import as_html
from doorbuster.report.schedule import gone_through, schedule_drawing, schedule_of, table_lines

from tests.report.samples import TEXTS, check, passing, scenario


def row(buyer: int, line: int, text: str, **more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"waits": [], "goes_on": [], "answers": []}
    return {"buyer": buyer, "line": line, "text": text, "function": "f()", **nothing, **more}


def answer(buyer: int, outcome: str, **more: Any) -> dict[str, Any]:
    return {"buyer": buyer, "outcome": outcome, "order_id": None, "code": None, "message": None, "by": 1} | more


FAILING = {
    "crowd": "crossed", "buyers": 2, "isolation": "read committed", "preemptions": 1, "schedule": "1,2,1",
    "checks": ["deadlock"], "file": "schedules/x.json",
    "goods": ["in stock: 2 of product 7", "buyer 1 wants 1 of 7"],
    "rows": [
        row(1, 12, "select stock from products for update"),
        row(2, 12, "select stock from <script>alert(1)</script> for update",
            waits=[{"buyer": 2, "for": "buyer 1", "what": "products"}]),
        row(1, 31, "return \x1b[2Jx;", goes_on=[2],
            answers=[answer(1, "aborted", code="40P01", message="deadlock detected")]),
        row(2, 31, "return y;", answers=[answer(2, "ok", order_id="5")]),
    ],
}  # fmt: skip


def broken() -> ScenarioResult:
    checks = (check("deadlock", CheckStatus.VIOLATED, violations=1),)
    return replace(scenario("crossed_carts", Verdict.VIOLATION, checks=checks), schedules={"failing": [FAILING]})


def run() -> RunResult:
    return replace(passing(), scenarios=(broken(),), verdict=Verdict.VIOLATION, exit_code=1)


def test_each_buyer_has_a_column_and_time_runs_downwards() -> None:
    table = schedule_of(broken(), "deadlock")
    assert table is not None
    assert list(table_lines(table, 80)) == [
        "in stock: 2 of product 7; buyer 1 wants 1 of 7",
        "buyer 1                                  buyer 2",
        "───────────────────────────────────────  ───────────────────────────────────────",
        " 12 select stock from products for",
        "    update",
        " " * 41 + " 12 select stock from",
        " " * 41 + "    <script>alert(1)</script> for …",
        " " * 41 + "⏸ waits for buyer 1, who holds a row of",
        " " * 41 + "  products",
        r" 31 return \x1b[2Jx;",
        "✗ answered: aborted – deadlock detected",
        " " * 41 + "▶ got it, and goes on",
        " " * 41 + " 31 return y;",
        " " * 41 + "✓ answered: ok, order 5",
        "⇒ deadlock",
    ]


def test_another_check_has_no_schedule() -> None:
    assert schedule_of(broken(), "oversold") is None
    assert schedule_of(replace(broken(), schedules=None), "deadlock") is None


def test_whoever_waits_is_drawn_as_waiting_until_he_goes_on() -> None:
    table = schedule_of(broken(), "deadlock")
    assert table is not None
    drawing = schedule_drawing(table)
    (waiting,) = [bar for bar in drawing.bars if bar.kind == "wait"]
    began, goes_on = (next(bar for bar in drawing.bars if bar.kind == kind) for kind in ("waits", "goes_on"))
    assert waiting.x > drawing.columns[1]
    assert began.y < waiting.y < waiting.y + waiting.height <= goes_on.y
    assert all(bar.y + bar.height < drawing.height for bar in drawing.bars)


def test_the_page_and_the_text_have_it_and_nothing_in_it_is_trusted() -> None:
    html = as_html(run(), TEXTS)
    assert "<figure class=\"schedule\">" in html
    assert "select stock from products for update" in html
    assert "<script>alert(1)" not in html
    assert "waits for buyer 1, who holds a row of products" in failure_text(run(), TEXTS)


def test_what_was_gone_through_is_told_with_its_bound() -> None:
    drawn = {"random": 50, "depth": 3, "guaranteed": 0.0123}
    verdict = "holds in every schedule"
    levels = [{"isolation": level, "verdict": verdict} for level in ("read committed", "serializable")]
    assert gone_through({"explored": 48, "exhausted": True, "bound": 2}) == "48 schedules: all that can lead elsewhere"
    assert gone_through({"explored": 1, "infeasible": 1, "exhausted": False, "bound": 1, "crowds": [drawn]}) == (
        "1 schedule: not exhausted, all with up to 1 forced switch; 1 infeasible; "
        "50 at random, which find a mistake of depth 3 with a probability of 0.0123 at least"
    )
    assert gone_through({"explored": 2, "bound": -1, "levels": levels, "not_instrumented": [{"function": "f()"}]}) == (
        "2 schedules: not exhausted; read committed: holds in every schedule; serializable: holds in every schedule; "
        "stopped only around its writes: f()"
    )
