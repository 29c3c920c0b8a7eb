"""What the harness did to the buyers is not held against the shop; what the log proves is."""

from pathlib import Path

from doorbuster.model.check import CheckStatus, ThresholdStatus
from doorbuster.model.result import ScenarioResult
from doorbuster.model.verdict import Verdict

from tests.judge.histories import History, check_of, judged, violated

WHY = "Toxiproxy is gone"
AVAILABILITY = ("turned_away", "unfinished", "leaked_session", "latency", "error_rate")


def history() -> History:
    """Thirty buyers who met nothing but errors, a session left in a transaction, and a shop that did not recover."""
    history = History({"apple": 100})
    for n in range(30):
        history.wants(f"k{n}", [("apple", 1)])
        history.tries(64 * n + 1, f"k{n}", 10 * n, 10 * n + 700, "error", pid=n)
    history.tables["sessions"].append(["open", 1_700_000_000_900_000, 3, "idle in transaction", True, None, None])
    at = 1_700_000_001_000_000
    history.tables["probes"].append([9, "p", "apple", at, at + 1, "error", None, None, 5_000_000])
    return history


def judge(history: History, folder: Path, **facts: object) -> ScenarioResult:
    thresholds = ("p99 < 500ms", "error_rate < 1%")
    return judged(history, folder, required=AVAILABILITY, thresholds=thresholds, **facts)


def test_the_shop_is_convicted_where_the_harness_worked(tmp_path: Path) -> None:
    result = judge(history(), tmp_path)
    assert violated(result) == set(AVAILABILITY)
    assert result.verdict is Verdict.VIOLATION


def test_what_rests_on_the_harness_is_unobservable_where_it_failed(tmp_path: Path) -> None:
    result = judge(history(), tmp_path, broken_off=WHY)
    for name in AVAILABILITY:
        check = check_of(result, name)
        assert check.status is CheckStatus.UNOBSERVABLE
        assert WHY in str(check.reason)
    assert {t.status for t in result.thresholds} == {ThresholdStatus.UNEXERCISED}
    assert result.verdict is Verdict.ERROR
    assert result.error == f"broken off: {WHY}"


def test_a_proven_violation_stands(tmp_path: Path) -> None:
    sold = history()
    sold.wants("k", [("apple", 1)])
    sold.tries(9001, "k", 0, 10, "ok", order_id="1")
    result = judge(sold, tmp_path, broken_off=WHY)
    assert violated(result) == {"lost_order"}
    assert result.verdict is Verdict.VIOLATION
    assert result.error == f"broken off: {WHY}"


def test_the_run_starts_with_its_first_attempt_where_the_engine_did_not_say(tmp_path: Path) -> None:
    result = judge(history(), tmp_path, broken_off=WHY, start_us=0)
    assert result.timeline[0].start_s == 0


def test_an_order_whose_record_died_with_its_writer_is_not_taken_for_another_buyers(tmp_path: Path) -> None:
    history = History({"apple": 100, "pear": 100})
    history.wants("k1", [("apple", 1)])
    history.tries(65, "k1", 0, 10, "ok", order_id="1")
    history.order(history.commit(5, 65), 1, "k1", [("apple", 1)])
    # Of this one the request was written, and no attempt; of the next, which was committed, nothing was.
    history.wants("k2", [("apple", 1)])
    history.order(history.commit(30, 64 * 9 + 1), 2, "k9", [("pear", 2)])
    result = judged(history, tmp_path, broken_off=WHY)
    assert violated(result) == set()
    assert result.verdict is Verdict.ERROR
