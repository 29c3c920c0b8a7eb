"""Stalls: stretches in which no order was answered although some were waiting. What a percentile shows but cannot name.

A stretch between two answers counts from the instant at which an order that was still waiting at its end was due. So a
low rate is no stall, and neither is a pause between rounds; nor is a shop where everything takes long.
"""

import duckdb

from doorbuster.model.stall import Stall

LEAST_US = 500_000
TYPICAL = 2  # times the median latency
LEAST_ORDERS = 3
MOST = 10


def find_stalls(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[Stall, ...]:
    """The longest stalls, in the order in which they were; needs the view ``waits``."""
    found = connection.execute(
        f"""
        with answered as (
            select coalesce(due_us, invoked_us) as due_us, coalesce(due_us, invoked_us) + latency_us as answered_us
            from waits where outcome <> 'never sent' and outcome <> 'unknown'
        ), gaps as (
            select answered_us as to_us, lag(answered_us) over (order by answered_us) as from_us,
                   min(due_us) over (order by answered_us desc rows unbounded preceding) as waiting_us
            from answered
        ), stalls as (
            select greatest(coalesce(from_us, waiting_us), waiting_us) as from_us, to_us from gaps
        ), long as (
            select * from stalls
            where to_us - from_us >= greatest({LEAST_US}, (select {TYPICAL} * median(latency_us) from waits))
            order by to_us - from_us desc limit {3 * MOST}
        )
        select (long.from_us - $start) / 1e6, (to_us - long.from_us) / 1e6,
               (select count(*) from waits where coalesce(due_us, invoked_us) < to_us
                    and coalesce(due_us, invoked_us) + latency_us > long.from_us) as waiting,
               (select min(name) from fault_windows f where f.applied_us < to_us and f.healed_us > long.from_us)
        from long where waiting >= {LEAST_ORDERS} order by to_us - long.from_us desc limit {MOST}""",
        {"start": start_us},
    ).fetchall()
    return tuple(sorted((Stall(*row) for row in found), key=lambda stall: stall.start_s))
