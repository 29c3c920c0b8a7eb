"""Sample runs that the reports' tests draw: one for each verdict, and one full of hostile text."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from doorbuster.model.check import CheckResult, CheckStatus, CheckText, ThresholdResult, ThresholdStatus
from doorbuster.model.result import FaultResult, LatencyPoint, PhaseResult, RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict

HOSTILE = (
    "<script>alert(1)</script> [red]bold[/red] ]]> </script><!-- \x00\x1b[2J\n::error::x \u202e | `a` <img src=x> é"
)
REPLAY = "doorbuster replay reports/run/schedules/last_item-3.json"

TEXTS = {
    name: CheckText(name, means, sound, exercised, "select 1", "select 1")
    for name, means, sound, exercised in [
        ("oversold", "In some committed state more units are sold than were ever there.",
         "The log shows every committed state, so this one existed.", "orders of a product with stock"),
        ("false_sold_out", "A buyer was told “sold out”, though enough stock was there during the whole attempt.",
         "Stock is compared over the whole interval of the attempt.", "refusals seen"),
        ("duplicate_order", "One order key has more than one live order.", "Keys are unique to an order.",
         "retries after an unknown outcome whose first try had committed"),
    ]
}  # fmt: skip


def check(name: str, status: CheckStatus = CheckStatus.HOLDS, exercised: int = 40, **more: object) -> CheckResult:
    """A check's result with the fields that matter here."""
    return replace(CheckResult(name, status, exercised=exercised), **more)  # type: ignore[arg-type]


def phase(name: str, p99_ms: float, rate: float | None = 50.0) -> PhaseResult:
    """A phase's result around its p99."""
    return PhaseResult(name, rate, 600, p99_ms / 6, p99_ms / 2, p99_ms, p99_ms * 1.5, 2, 0, 49.8)


def points(seconds: int = 60, slow: range = range(20, 35), stall: range = range(28, 31)) -> tuple[LatencyPoint, ...]:
    """A minute of latency with a slow stretch in which for a while no order finishes."""
    return tuple(
        LatencyPoint(float(t), 50, base, base * 2, base * 3, base * 4 + t % 7 * 3, 3 if t in slow and t % 4 == 0 else 0)
        for t in range(seconds)
        if t not in stall
        for base in [(140.0 if t in slow else 14.0) + t % 5]
    )


def scenario(name: str, verdict: Verdict = Verdict.PASS, **more: object) -> ScenarioResult:
    """A scenario's result; by default one that passed."""
    plain = ScenarioResult(
        name=name, kind="load", verdict=verdict, duration_s=12.4, seed=7, attempts=63, orders=60,
        outcomes={"ok": 40, "sold_out": 20, "refused": 0, "aborted": 0, "error": 0, "unknown": 0},
        commits=40, unknown_committed=0, phases=(phase("steady", 84.2),), faults=(), thresholds=(),
        checks=(check("oversold", required=True), check("false_sold_out", exercised=20, required=True)),
        description="Many buyers want the last units at once.", attribution="by tag, 63 of 63 attempts",
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def run(verdict: Verdict, *scenarios: ScenarioResult, **more: object) -> RunResult:
    """A run of these scenarios."""
    plain = RunResult(
        verdict=verdict, exit_code=verdict.exit_code, seed=7, started="2026-03-01T12:00:00+00:00", duration_s=41.7,
        command="doorbuster run --set gate --seed 7", postgres={"version": "18.1", "runtime": "embedded"},
        toxiproxy={"version": "2.12.0"},
        contract={"name": "create_order_with_inventory", "function_sha256": "9f86d081884c7d659a2feaa0c55ad015" * 2},
        scenarios=scenarios, environment={"python": "3.12.4", "cpus": "2"},
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def passing() -> RunResult:
    """Everything required holds; a check of no concern was not exercised, one is off."""
    drill = scenario(
        "connection_lost",
        orders=2940, attempts=3021, commits=2901, unknown_committed=12,
        outcomes={"ok": 2889, "sold_out": 20, "refused": 0, "aborted": 11, "error": 0, "unknown": 20},
        phases=(phase("steady", 61.0), phase("broken", 580.0), phase("recovered", 63.0)),
        faults=tuple(
            FaultResult("reset_peer", "reset_peer", float(s), s + 0.5, f"{s} connections reset", s)
            for s in range(20, 35)
        ),
        fault_windows=tuple(("reset_peer", float(s), s + 0.5) for s in range(20, 35)),
        thresholds=(ThresholdResult("p99 < 500ms in steady", "steady", 61.04, 600, ThresholdStatus.HOLDS),),
        timeline=points(),
        checks=(
            check("oversold", required=True),
            check("duplicate_order", exercised=12, required=True),
            check("bad_order_accepted", CheckStatus.UNEXERCISED, 0, reason="no bad order was sent"),
            check("deadlock", CheckStatus.WARNING, 4, violations=2, example={"victim": 17, "waited_ms": 1002}),
            check("wrong_amount", CheckStatus.OFF, 0),
        ),
    )  # fmt: skip
    return run(Verdict.PASS, scenario("last_item"), drill, notices=("Toxiproxy was built in 9 s and is cached.",))


def violated() -> RunResult:
    """The first published function, say: two checks violated, with typed values in the rows."""
    rows = tuple(
        {"product": 1 + n, "sold": 2, "of": 1, "at": datetime(2026, 3, 1, 12, 0, n, tzinfo=UTC)} for n in range(10)
    )
    duplicate = {"order_key": UUID(int=7), "live_orders": 2, "total": Decimal("12.50"), "raw": b"\x01\xff"}
    last_item = scenario(
        "last_item", Verdict.VIOLATION, kind="interleave",
        checks=(
            check("oversold", CheckStatus.VIOLATED, violations=31, example=rows[0], rows=rows, replay=REPLAY),
            check("false_sold_out", exercised=20, required=True),
        ),
        schedules={"explored": 48, "infeasible": 12, "exhausted": True, "bound": None, "schedule": [
            {"step": 1, "buyer_1": "12: SELECT stock_quantity …", "buyer_2": ""},
            {"step": 2, "buyer_1": "", "buyer_2": "12: SELECT stock_quantity …"},
        ]},
    )  # fmt: skip
    retries = scenario(
        "retry_storm", Verdict.VIOLATION, timeline=points(), fault_windows=(("timeout", 20.0, 35.0),),
        faults=(FaultResult("timeout", "timeout", 20.0, 35.0, "1,204 answers held back", 1204),),
        checks=(
            check("duplicate_order", CheckStatus.VIOLATED, violations=1, example=duplicate, rows=(duplicate,)),
            check("oversold", required=True),
        ),
    )  # fmt: skip
    return run(Verdict.VIOLATION, last_item, retries, scenario("typical_order"))


def hostile() -> RunResult:
    """Every text that a stranger can choose is hostile."""
    row = {HOSTILE: HOSTILE, "nested": {"a": [HOSTILE]}}
    shop = scenario(
        HOSTILE, Verdict.VIOLATION, description=HOSTILE, attribution=HOSTILE, error=HOSTILE,
        checks=(
            check("oversold", CheckStatus.VIOLATED, violations=1, example=row, rows=(row,), replay=HOSTILE),
            check(HOSTILE, CheckStatus.UNOBSERVABLE, 0, reason=HOSTILE, required=True),
            check("deadlock", CheckStatus.WARNING, violations=1, example=row),
        ),
        faults=(FaultResult(HOSTILE, HOSTILE, 1.0, 2.0, HOSTILE, 3),),
        fault_windows=((HOSTILE, 1.0, 2.0),), timeline=points(5),
        thresholds=(ThresholdResult(HOSTILE, HOSTILE, 1.0, 5, ThresholdStatus.VIOLATED),),
        phases=(phase(HOSTILE, 5.0),), cuts={"up": 3, "note": HOSTILE},
    )  # fmt: skip
    return run(
        Verdict.VIOLATION, shop, notices=(HOSTILE,), command=HOSTILE, contract={"name": HOSTILE}, error=HOSTILE,
        environment={HOSTILE: HOSTILE},
    )  # fmt: skip


def inconclusive() -> RunResult:
    """Nothing wrong was seen, but two required things were not tested and a fault left no mark."""
    return run(
        Verdict.INCONCLUSIVE,
        scenario(
            "network_timeout", Verdict.INCONCLUSIVE,
            checks=(
                check("duplicate_order", CheckStatus.UNEXERCISED, 0, reason="no retry met a committed order",
                      required=True),
                check("oversold", CheckStatus.UNOBSERVABLE, 0, reason="products is an unlogged table", required=True),
            ),
            faults=(FaultResult("timeout", "timeout", 1.0, 2.0, "0 bytes held back", 0),),
            thresholds=(ThresholdResult("p99 < 500ms", None, None, 3, ThresholdStatus.UNEXERCISED),),
        ),
    )  # fmt: skip


def slow() -> RunResult:
    """Correct, but a threshold is broken."""
    broken = ThresholdResult("p99 < 500ms in steady", "steady", 612.4, 600, ThresholdStatus.VIOLATED)
    return run(
        Verdict.SLOW,
        scenario("slow_network", Verdict.SLOW, thresholds=(broken,), phases=(phase("steady", 612.4),),
                 timeline=points()),
    )  # fmt: skip


def crashed() -> RunResult:
    """The harness broke in its second scenario."""
    error = 'Traceback (most recent call last):\n  File "x.py", line 1\nConnectionError: the server is gone'
    broken = scenario("server_crash", Verdict.ERROR, orders=0, attempts=0, outcomes={}, phases=(), checks=(),
                      error=error)  # fmt: skip
    return run(Verdict.ERROR, scenario("last_item"), broken)


def crashed_early() -> RunResult:
    """Nothing ran at all."""
    return run(Verdict.ERROR, error="no PostgreSQL: initdb failed", postgres={}, toxiproxy={}, contract={})


def interrupted() -> RunResult:
    """Someone pressed Ctrl-C."""
    return run(Verdict.INCONCLUSIVE, scenario("last_item"), exit_code=130)


ALL = {
    "passing": passing, "violated": violated, "hostile": hostile, "inconclusive": inconclusive, "slow": slow,
    "crashed": crashed, "crashed_early": crashed_early, "interrupted": interrupted,
}  # fmt: skip
