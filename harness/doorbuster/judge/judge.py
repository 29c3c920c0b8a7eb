"""A stored scenario into its result: needs its folder and the texts stored with the run, and no database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from doorbuster.config.thresholds import parse_threshold
from doorbuster.judge.checks import Ground, run_checks, run_without_log, unobservable
from doorbuster.judge.drills import journal, recoveries, server_log, targets, unavailable
from doorbuster.judge.figures import (
    count,
    create_waits,
    judge_thresholds,
    latency_points,
    outcome_counts,
    phase_results,
)
from doorbuster.judge.findings import with_findings
from doorbuster.judge.pictures import outcome_points, stock_lines
from doorbuster.judge.rows import LogNotUnderstood
from doorbuster.judge.stalls import find_stalls
from doorbuster.judge.stories import with_stories
from doorbuster.judge.views import blind_spots, create_views, has_mappings, opened_run
from doorbuster.judge.waits import where_time_goes
from doorbuster.model.check import CheckResult, CheckStatus, CheckText, ThresholdResult, ThresholdStatus
from doorbuster.model.contract import Contract
from doorbuster.model.result import FaultResult, ScenarioResult
from doorbuster.model.scenario import Scenario
from doorbuster.model.verdict import Verdict
from doorbuster.record.catalogue import load_catalogue
from doorbuster.record.final_state import SNAPSHOT

FACTS = "facts.json"
# What availability checks rest on: that the harness did its own work to the end.
HARNESS = "harness"
# And those that compare the server's clock with ours: that nobody sets the clock. A smaller step is taken for none.
CLOCK = "clock"
STEP_US = 100_000


def judge_scenario(
    folder: Path, contract: Contract, scenario: Scenario, checks: Mapping[str, CheckText], proofs: Mapping[str, str]
) -> ScenarioResult:
    """Judge the scenario recorded in ``folder``.

    ``proofs`` maps a fault's label to the DuckDB query that counts its marks. ``facts.json`` in the folder holds what
    the engine knew: seed, start, duration, whether the log could be read, and whether the harness itself broke off:
    then the checks that rest on it are unobservable, and anything but a violation is an error.
    """
    facts = json.loads((folder / FACTS).read_text())
    result = _judged(folder, contract, scenario, checks, proofs, facts)
    broken_off = facts.get("broken_off")
    if broken_off is None:
        return result
    verdict = result.verdict if result.verdict is Verdict.VIOLATION else Verdict.ERROR
    return replace(result, verdict=verdict, error=f"broken off: {broken_off}")


def _judged(
    folder: Path,
    contract: Contract,
    scenario: Scenario,
    checks: Mapping[str, CheckText],
    proofs: Mapping[str, str],
    facts: Mapping[str, Any],
) -> ScenarioResult:
    with opened_run(folder) as connection:
        reason = facts.get("unobservable")
        if reason is None:
            try:
                create_views(
                    connection, contract, load_catalogue(folder / "catalogue.json"), scenario.checks.require,
                    broken_off=facts.get("broken_off") is not None,
                    recovery_s=scenario.recovery_s if scenario.kind == "load" else None,
                )  # fmt: skip
            except LogNotUnderstood as problem:
                reason = f"the log was not understood: {problem}"
        if reason is None:
            return _judge(connection, contract, scenario, checks, proofs, facts)
        if count(connection, f"select count(*) from commits where lsn = '{SNAPSHOT}'"):
            try:
                catalogue = load_catalogue(folder / "catalogue.json")
                create_views(connection, contract, catalogue, scenario.checks.require, at_rest=True)
                return _judge(connection, contract, scenario, checks, proofs, facts, no_log=reason)
            except LogNotUnderstood as problem:
                reason = f"{reason}; nor was the final state understood: {problem}"
        return _blind(connection, scenario, checks, facts, reason)


def _convicting(
    connection: duckdb.DuckDBPyConnection, contract: Contract, checks: Mapping[str, CheckText]
) -> list[CheckText]:
    """The checks, of which none convicts by the final state alone where that cannot be told apart from what is right:
    where orders do not say whose they are, and where the harness itself restocked or cancelled."""
    if _ties_orders(contract) and not count(connection, "select count(*) from operations"):
        return list(checks.values())
    return [replace(c, without_log="") if c.without_log == "convicts" else c for c in checks.values()]


def _ties_orders(contract: Contract) -> bool:
    orders = contract.orders
    return contract.answers.order_id is not None or (
        orders is not None and (orders.order_key is not None or orders.customer is not None)
    )


def _judge(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    scenario: Scenario,
    checks: Mapping[str, CheckText],
    proofs: Mapping[str, str],
    facts: Mapping[str, Any],
    no_log: str | None = None,
) -> ScenarioResult:
    """``no_log`` says why there is none: then the commits are the state before all buyers, and the one at the end."""
    start_us = int(facts["start_us"]) or count(connection, "select min(invoked_us) from attempts")
    create_waits(connection)
    aborted_by = facts.get("aborted_by")
    phases = phase_results(connection, scenario, was_cut_short=aborted_by is not None)
    blind = blind_spots(connection) | _stepped_clock(facts)
    if facts.get("broken_off") is not None:
        blind[HARNESS] = f"the harness itself failed in the middle: {facts['broken_off']}"
    # What buyers met after the harness had failed is no measure of the shop.
    asked = [parse_threshold(t) for t in scenario.thresholds]
    thresholds = judge_thresholds(connection, asked, phases, can_measure=HARNESS not in blind, aborted_by=aborted_by)
    ground = Ground(has_mappings(contract), blind)
    if no_log is None:
        results = run_checks(connection, checks.values(), scenario.checks, ground)
    else:
        convicting = _convicting(connection, contract, checks)
        results = run_without_log(connection, convicting, scenario.checks, ground, no_log)
    found = facts.get("findings")
    results = with_findings(results, found if isinstance(found, list) else [], scenario.checks)
    faults = (*_faults(connection, proofs, start_us), *unavailable(connection, start_us))
    orders = count(connection, "select count(*) from order_results")
    base = _base(connection, scenario, facts)
    return replace(
        base,
        verdict=conclude(results, thresholds, faults, checks, orders),
        orders=orders,
        unknown_committed=count(
            connection,
            "select count(*) from attempts semi join made_by using (attempt) where outcome = 'unknown'",
        ),
        phases=phases,
        faults=faults,
        thresholds=thresholds,
        checks=with_stories(connection, results),
        attribution=_attribution(connection),
        timeline=latency_points(connection, start_us),
        stalls=find_stalls(connection, start_us),
        fault_windows=_windows(connection, start_us),
        schedules=_kind_facts(facts, "schedules"),
        cuts=_kind_facts(facts, "cuts"),
        crashes=_kind_facts(facts, "crashes"),
        outcomes_over_time=outcome_points(connection, start_us),
        stock_over_time=stock_lines(connection, start_us),
        waits=where_time_goes(connection, contract, facts) if scenario.kind == "load" else None,
        journal=journal(connection, start_us),
        recoveries=recoveries(connection, start_us) if scenario.kind == "load" else (),
        server_log=server_log(connection, start_us),
    )


def _kind_facts(facts: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """What a kind of driving told of itself, such as how many schedules it explored."""
    found = facts.get(name)
    return found if isinstance(found, dict) else None


def conclude(
    checks: Sequence[CheckResult],
    thresholds: Sequence[ThresholdResult],
    faults: Sequence[FaultResult],
    texts: Mapping[str, CheckText],
    orders: int,
) -> Verdict:
    """The verdict: violation before inconclusive before slow; a fault without a mark did not happen."""
    violated = [c for c in checks if c.status is CheckStatus.VIOLATED]
    if any(c.name not in texts or not texts[c.name].is_threshold for c in violated):
        return Verdict.VIOLATION
    unseen = (CheckStatus.UNEXERCISED, CheckStatus.UNOBSERVABLE)
    if orders == 0 or any(c.required and c.status in unseen for c in checks):
        return Verdict.INCONCLUSIVE
    if any(f.marks == 0 for f in faults) or any(t.status is ThresholdStatus.UNEXERCISED for t in thresholds):
        return Verdict.INCONCLUSIVE
    return Verdict.SLOW if violated else Verdict.PASS


def _stepped_clock(facts: Mapping[str, Any]) -> dict[str, str]:
    """What checks cannot rest on where the wall clock was set during the scenario, and the server's with it."""
    stepped_us = int(facts.get("clock_stepped_us", 0))
    if abs(stepped_us) <= STEP_US:
        return {}
    return {CLOCK: f"the wall clock was set by {stepped_us / 1000:+,.0f} ms during the scenario"}


def _blind(
    connection: duckdb.DuckDBPyConnection,
    scenario: Scenario,
    checks: Mapping[str, CheckText],
    facts: Mapping[str, Any],
    reason: str,
) -> ScenarioResult:
    """The result where the log says nothing: what the client saw is shown, and nothing is called a pass."""
    results = unobservable(checks.values(), scenario.checks, reason)
    base = _base(connection, scenario, facts)
    return replace(base, checks=tuple(results), error=reason, schedules=_kind_facts(facts, "schedules"))


def _base(
    connection: duckdb.DuckDBPyConnection, scenario: Scenario, facts: Mapping[str, Any]
) -> ScenarioResult:
    return ScenarioResult(
        name=scenario.name,
        kind=scenario.kind,
        verdict=Verdict.INCONCLUSIVE,
        duration_s=float(facts["duration_s"]),
        seed=int(facts["seed"]),
        attempts=count(connection, "select count(*) from attempts"),
        orders=count(connection, "select count(distinct order_key) from attempts"),
        outcomes=outcome_counts(connection),
        commits=count(connection, "select count(*) from commits where attempt is not null"),
        unknown_committed=0,
        phases=(),
        faults=(),
        thresholds=(),
        checks=(),
        description=scenario.description,
        live=_kind_facts(facts, "live"),
        stopped=facts.get("stopped"),
    )


def _faults(
    connection: duckdb.DuckDBPyConnection, proofs: Mapping[str, str], start_us: int
) -> tuple[FaultResult, ...]:
    found = connection.execute(
        "select name, kind, min(applied_us), max(healed_us) from fault_windows group by all order by 3"
    ).fetchall()
    results, struck = [], targets(connection)
    for name, kind, applied_us, healed_us in found:
        marks, sentence = _marks(connection, proofs.get(name), name)
        span = ((applied_us - start_us) / 1e6, (healed_us - start_us) / 1e6)
        results.append(FaultResult(name, kind, *span, proof=sentence, marks=int(marks), target=struck.get(name, "")))
    return tuple(results)


def _marks(connection: duckdb.DuckDBPyConnection, proof: str | None, name: str) -> tuple[int, str]:
    """How many marks the fault left, and a sentence about them; a fault that nothing can prove has left none."""
    if proof is None:
        return 0, "the run does not say what would prove it"
    return connection.execute(proof, {"name": name}).fetchone() or (0, "no mark")


def _windows(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[tuple[str, float, float], ...]:
    found = connection.execute("select name, applied_us, healed_us from fault_windows order by applied_us").fetchall()
    return tuple((name, (a - start_us) / 1e6, (h - start_us) / 1e6) for name, a, h in found)


def _attribution(connection: duckdb.DuckDBPyConnection) -> str:
    found = connection.execute(
        "select attributed_by, count(*) from orders where not by_harness group by 1 order by 2 desc"
    ).fetchall()
    words = {"tag": "by the tag in the log", "order_key": "by the order key", "customer": "by their customer",
             "order_id": "by the id that was answered", "none": "not to any attempt"}
    return ", ".join(f"{n} orders {words[how]}" for how, n in found)
