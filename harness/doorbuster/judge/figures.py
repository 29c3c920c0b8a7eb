"""Counts, latencies and thresholds of a scenario, from raw samples."""

import operator
from collections.abc import Sequence

import duckdb

from doorbuster.config.thresholds import Threshold
from doorbuster.judge.views import THRESHOLDS
from doorbuster.model.check import ThresholdResult, ThresholdStatus
from doorbuster.model.outcome import Outcome
from doorbuster.model.result import LatencyPoint, PhaseResult
from doorbuster.model.scenario import Scenario

LATE_US = 10_000
# A percentile from fewer samples than this says nothing, so it is no pass.
LEAST_SAMPLES = 20
_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_UNHAPPY = "outcome not in ('ok', 'sold_out')"


def outcome_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many attempts had each outcome; every outcome is there."""
    found = dict(connection.execute("select outcome, count(*) from attempts group by outcome").fetchall())
    return {outcome.value: int(found.get(outcome.value, 0)) for outcome in Outcome}


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The single number that ``query`` gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def phase_results(connection: duckdb.DuckDBPyConnection, scenario: Scenario) -> tuple[PhaseResult, ...]:
    """The figures of each phase, in the scenario's order."""
    planned = {phase.name: phase for phase in scenario.phases}
    found = connection.execute(f"""
        select phase, count(*) as orders,
               quantile_disc(latency_us, 0.5) / 1000, quantile_disc(latency_us, 0.95) / 1000,
               quantile_disc(latency_us, 0.99) / 1000, max(latency_us) / 1000,
               count(*) filter (due_us is not null and invoked_us - due_us > {LATE_US}),
               (max(returned_us) - min(invoked_us)) / 1e6
        from order_results group by phase order by min(invoked_us)""").fetchall()
    dropped = dict(
        connection.execute("select phase, count(*) from requests where started_us is null group by phase").fetchall()
    )
    results = []
    for phase, orders, p50, p95, p99, most, late, span_s in found:
        plan = planned.get(phase)
        span = plan.duration_s if plan else span_s
        throughput = orders / span if span else 0.0
        rate = plan.rate if plan else None
        results.append(
            PhaseResult(phase, rate, orders, p50, p95, p99, most, late, int(dropped.get(phase, 0)), throughput)
        )
    return tuple(results)


def latency_points(
    connection: duckdb.DuckDBPyConnection, start_us: int, buckets: int = 120
) -> tuple[LatencyPoint, ...]:
    """Latency over time in at most ``buckets`` buckets of equal width; an order counts where it was due."""
    found = connection.execute(
        f"""
        with placed as (select (coalesce(due_us, invoked_us) - $start) / 1e6 as at_s, * from order_results),
             width as (select greatest(0.1, max(at_s) / $buckets) as w from placed)
        select floor(at_s / w) * w, count(*), quantile_disc(latency_us, 0.5) / 1000,
               quantile_disc(latency_us, 0.95) / 1000, quantile_disc(latency_us, 0.99) / 1000,
               max(latency_us) / 1000, count(*) filter ({_UNHAPPY})
        from placed, width group by 1 order by 1""",
        {"start": start_us, "buckets": buckets},
    ).fetchall()
    return tuple(LatencyPoint(*row) for row in found)


def judge_thresholds(
    connection: duckdb.DuckDBPyConnection,
    thresholds: Sequence[Threshold],
    phases: Sequence[PhaseResult],
    *,
    can_measure: bool = True,
) -> tuple[ThresholdResult, ...]:
    """Judge ``thresholds``, and write them to the table ``thresholds`` that the checks named after metrics read.

    Without ``can_measure`` none is met and none is broken.
    """
    connection.execute(THRESHOLDS)
    results = []
    for threshold in thresholds:
        value, samples = _measure(connection, threshold, phases) if can_measure else (None, 0)
        met = value is not None and _OPERATORS[threshold.operator](value, threshold.limit)
        shown = None if value is None else value / threshold.display
        connection.execute(
            "insert into thresholds values (?, ?, ?, ?, ?, ?)",
            [threshold.expression, threshold.metric, threshold.phase, shown, samples, met],
        )
        status = ThresholdStatus.HOLDS if met else ThresholdStatus.VIOLATED
        if value is None:
            status = ThresholdStatus.UNEXERCISED
        results.append(ThresholdResult(threshold.expression, threshold.phase, shown, samples, status))
    return tuple(results)


def _measure(
    connection: duckdb.DuckDBPyConnection, threshold: Threshold, phases: Sequence[PhaseResult]
) -> tuple[float | None, int]:
    """The threshold's value in its limit's unit, and from how many orders; None where there are too few."""
    where, values = ("where phase = ?", [threshold.phase]) if threshold.phase else ("", [])
    samples = count_with(connection, f"select count(*) from order_results {where}", values)
    if samples < LEAST_SAMPLES:
        return None, 0
    if threshold.metric == "latency":
        query = f"select quantile_disc(latency_us, {threshold.quantile}) / 1000 from order_results {where}"
    elif threshold.metric == "error_rate":
        query = f"select count(*) filter ({_UNHAPPY}) / count(*) from order_results {where}"
    else:
        named = [p for p in phases if threshold.phase in (None, p.name)]
        return min(p.throughput for p in named), samples
    row = connection.execute(query, values).fetchone()
    return (float(row[0]) if row else None), samples


def count_with(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object]) -> int:
    """The single number that ``query`` gives with ``values`` bound."""
    row = connection.execute(query, list(values)).fetchone()
    return int(row[0]) if row else 0
