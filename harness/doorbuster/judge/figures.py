"""Counts, latencies and thresholds of a scenario, from raw samples."""

from collections.abc import Sequence

import duckdb

from doorbuster.config.thresholds import Threshold
from doorbuster.judge.views import THRESHOLDS
from doorbuster.model.check import ThresholdResult, ThresholdStatus
from doorbuster.model.outcome import Outcome
from doorbuster.model.rates import expected_orders
from doorbuster.model.result import LatencyPoint, PhaseResult
from doorbuster.model.scenario import Scenario

LATE_US = 10_000
_UNHAPPY = "outcome not in ('ok', 'sold_out')"
_SENT = "outcome <> 'never sent'"
# p50, p95 and p99 of one and the same list: each by itself would keep all latencies in memory once more.
_QUANTILES = ", ".join(f"quantile_disc(latency_us, [0.5, 0.95, 0.99])[{n}] / 1000" for n in (1, 2, 3))


def outcome_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many attempts had each outcome; every outcome is there."""
    found = dict(connection.execute("select outcome, count(*) from attempts group by outcome").fetchall())
    return {outcome.value: int(found.get(outcome.value, 0)) for outcome in Outcome}


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The single number that ``query`` gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def create_waits(connection: duckdb.DuckDBPyConnection) -> None:
    """The view ``waits``: what each buyer waited. One whose order was never sent waited until the last answer at least.

    Leaving those out would make a load look the faster, the more of it never got through.
    """
    connection.execute("""
        create temp view waits as
        select order_key, phase, due_us, invoked_us, returned_us, outcome, latency_us from order_results
        union all
        select order_key, phase, due_us, null, null, 'never sent', greatest(0, end_us - due_us)
        from requests, (select max(at_us) as end_us from (
            select max(invoked_us + duration_us) as at_us from attempts union all select max(due_us) from requests))
        where started_us is null and due_us is not null""")


def phase_results(
    connection: duckdb.DuckDBPyConnection, scenario: Scenario, *, was_cut_short: bool = False
) -> tuple[PhaseResult, ...]:
    """The figures of each phase, in the order in which they were.

    ``was_cut_short``: the load was ended before its time, so a phase is as long as its orders make it.
    """
    planned = {} if was_cut_short else {phase.name: phase for phase in scenario.phases}
    found = connection.execute(f"""
        with connecting as (select order_key, sum(waited_us) as waited_us from connects group by order_key)
        select phase, count(*) filter ({_SENT}) as orders, {_QUANTILES}, max(latency_us) / 1000,
               count(*) filter (invoked_us - due_us > {LATE_US}), count(*) filter (not ({_SENT})),
               coalesce((max(coalesce(returned_us, invoked_us)) - min(invoked_us)) / 1e6, 0),
               coalesce(max(invoked_us - due_us) filter (invoked_us - due_us > {LATE_US}), 0) / 1000,
               count(waited_us), coalesce(max(waited_us), 0) / 1000
        from waits left join connecting using (order_key)
        group by phase order by min(coalesce(due_us, invoked_us))""").fetchall()
    results = []
    for phase, orders, p50, p95, p99, most, late, dropped, span_s, late_max, connects, connect_max in found:
        plan = planned.get(phase)
        span = plan.duration_s if plan else span_s
        rate = round(expected_orders(plan) / plan.duration_s, 3) if plan and plan.duration_s else None
        results.append(
            PhaseResult(phase, rate, orders, p50, p95, p99, most, late, dropped, orders / span if span else 0.0,
                        late_max, connects, connect_max)
        )  # fmt: skip
    return tuple(results)


def latency_points(
    connection: duckdb.DuckDBPyConnection, start_us: int, buckets: int = 120
) -> tuple[LatencyPoint, ...]:
    """Latency over time in at most ``buckets`` buckets of equal width; an order counts where it was due."""
    found = connection.execute(
        f"""
        with placed as (select (coalesce(due_us, invoked_us) - $start) / 1e6 as at_s, * from order_results),
             width as (select greatest(0.1, max(at_s) / $buckets) as w from placed)
        select floor(at_s / w) * w, count(*), {_QUANTILES}, max(latency_us) / 1000, count(*) filter ({_UNHAPPY})
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
    aborted_by: str | None = None,
) -> tuple[ThresholdResult, ...]:
    """Judge ``thresholds``, and write them to the table ``thresholds`` that the checks named after metrics read.

    Without ``can_measure`` none is met and none is broken. The one that ended the load, ``aborted_by``, is broken
    whatever the orders that were then still on their way did to its figure.
    """
    connection.execute(THRESHOLDS)
    results = []
    for threshold in thresholds:
        value, samples = _measure(connection, threshold, phases) if can_measure else (None, 0)
        met = value is not None and threshold.holds(value) and threshold.expression != aborted_by
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
    """The threshold's value in its limit's unit, and from how many orders; None where there are too few.

    A threshold without a phase is for the whole load, but for throughput: that every phase is to have.
    """
    where, values = ("where phase = ?", [threshold.phase]) if threshold.phase else ("", [])
    samples = count_with(connection, f"select count(*) from waits {where}", values)
    if samples < threshold.least_samples:
        return None, 0
    if threshold.metric == "throughput":
        named = [p for p in phases if threshold.phase in (None, p.name)]
        return min(p.throughput for p in named), samples
    if threshold.metric == "error_rate":
        figure = f"count(*) filter ({_UNHAPPY}) / count(*)"
    elif threshold.quantile is None:
        figure = "avg(latency_us) / 1000"
    else:
        figure = f"quantile_disc(latency_us, {threshold.quantile}) / 1000"
    row = connection.execute(f"select {figure} from waits {where}", values).fetchone()
    return (float(row[0]) if row else None), samples


def count_with(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object]) -> int:
    """The single number that ``query`` gives with ``values`` bound."""
    row = connection.execute(query, list(values)).fetchone()
    return int(row[0]) if row else 0
