"""Where the time goes, from samples of the server's sessions and the client's history. No verdict rests on it.

What sampling can claim: each sample is one moment, so the share of samples is an estimate of the share of time. Moments
of one order are alike, so certainty comes from the number of orders, by drawing whole orders again; and what lasted a
shorter time than the distance between two samples may never be seen. Where no sample could be taken for long, as
the server stood still, that is told as such, and not made up from the samples before and after.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import duckdb

from doorbuster.model.contract import Contract
from doorbuster.model.waits import PhaseWaits, Statement, Waits, WaitShare

TAIL = 0.99
LEAST_ORDERS, LEAST_SAMPLES = 10, 30
MOST_ORDERS = 1000
RESAMPLES = 400
NOT_BEGUN, BETWEEN, UNSEEN = "no buyer was free yet", "between two attempts", "no session at the server"
HIDDEN = "the server answered nobody, the sampler included"
_SEEN = """
create temp table seen as
select at_us, pid, case
    when kind = 'Lock' and row is not null then 'waiting for ' || row
    when kind = 'Lock' then format('waiting for a lock ({})', event)
    when kind = 'Client' or state like 'idle%' or state = '' then 'outside the server: the network, or the buyer itself'
    when kind is null then 'at work in the server, or waiting for a processor'
    else format('waiting in the server: {} ({})', event, kind) end as what
from samples;
create temp table instants_sampled as select distinct at_us from samples;
create temp table gaps as   -- longer than ten samples: then the server let the sampler wait, too, or was gone
with steps as (
    select at_us as from_us, lead(at_us) over (order by at_us) as to_us from instants_sampled
)
select from_us, to_us from steps
where to_us - from_us > greatest(200000, 10 * (select median(to_us - from_us) from steps))
union all select 0, min(at_us) from instants_sampled
union all select max(at_us), 9223372036854775807 from instants_sampled;
create temp table under_way as
select attempts.order_key, attempts.attempt, coalesce(requests.phase, attempts.phase) as phase, i.at_us,
       case when what in (select 'waiting for a row of ' || unnest($stock)) and product is not null
            then 'waiting for the row of product ' || product else coalesce(what, $unseen) end as what
from attempts left join requests using (order_key)
left join (select order_key, any_value(product) as product from request_lines group by 1 having count(*) = 1)
    using (order_key)
join instants_sampled i on i.at_us between invoked_us and invoked_us + duration_us
left join seen on seen.at_us = i.at_us and seen.pid = attempts.backend_pid
where attempts.backend_pid is not null;
"""


def where_time_goes(
    connection: duckdb.DuckDBPyConnection, contract: Contract, facts: Mapping[str, Any]
) -> Waits | None:
    """The waits of a scenario; None where nothing was sampled.

    A row of the stock's table whose version was gone when it was looked up is the row of the product that the order
    wants, where it wants one product only.
    """
    (sampled,) = connection.execute("select count(distinct at_us) from samples").fetchall()
    cpu = facts.get("server_cpu")
    if not sampled[0]:
        return None
    stock = [name for mapping in contract.stock for name in (mapping.table, mapping.table.rpartition(".")[2])]
    for statement in _SEEN.split(";\n"):
        if statement.strip():
            values = {"unseen": UNSEEN, "stock": stock} if "$unseen" in statement else {}
            connection.execute(statement, values)
    (every,) = connection.execute(
        "select median(d) / 1000 from (select at_us - lag(at_us) over (order by at_us) as d from instants_sampled)"
    ).fetchall()
    orders, from_ms, tail = _tail(connection)
    return Waits(
        every_ms=float(every[0] or 0),
        instants=int(sampled[0]),
        phases=_phases(connection),
        tail_orders=orders,
        tail_from_ms=from_ms,
        tail=tail,
        sentence=_sentence(orders, tail),
        statements=tuple(Statement(int(c), float(t), float(m), str(q)) for c, t, m, q in facts.get("statements") or ()),
        server_cpu_s=cpu["cpu_s"] if cpu else None,
        server_cpu_share=cpu["cpu_s"] / cpu["wall_s"] if cpu and cpu["wall_s"] else None,
    )


def _phases(connection: duckdb.DuckDBPyConnection) -> tuple[PhaseWaits, ...]:
    rows = connection.execute("""
        select phase, what, count(*), count(*) / sum(count(*)) over (partition by phase), min(min(at_us)) over (
                   partition by phase)
        from under_way group by phase, what order by 5, 3 desc""").fetchall()
    found: dict[str, list[WaitShare]] = defaultdict(list)
    for phase, what, samples, share, _ in rows:
        if len(found[phase]) < 8:
            found[phase].append(WaitShare(what, float(share), int(samples)))
    return tuple(PhaseWaits(phase, tuple(shares)) for phase, shares in found.items())


def _tail(connection: duckdb.DuckDBPyConnection) -> tuple[int, float | None, tuple[WaitShare, ...]]:
    """The slowest one in a hundred orders, and what their time went into."""
    (limit,) = connection.execute(f"select quantile_disc(latency_us, {TAIL}), count(*) from order_results").fetchall()
    if not limit[1]:
        return 0, None, ()
    rows = connection.execute(
        """
        with slow as (
            select order_key, latency_us, greatest(0, invoked_us - coalesce(due_us, invoked_us)) as begun_us
            from order_results where latency_us >= $limit order by hash(order_key) limit $most
        ), worked as (
            select order_key, sum(duration_us) as us, coalesce(sum(hidden_us), 0) as hidden_us
            from attempts semi join slow using (order_key) left join (
                select attempt, sum(least(to_us, invoked_us + duration_us) - greatest(from_us, invoked_us)) as hidden_us
                from attempts semi join slow using (order_key)
                join gaps on from_us < invoked_us + duration_us and to_us > invoked_us group by attempt
            ) using (attempt)
            group by order_key
        )
        select slow.order_key, latency_us, begun_us, worked.us, hidden_us, what, count(at_us)
        from slow join worked using (order_key) left join under_way using (order_key)
        group by all order by slow.order_key""",
        {"limit": limit[0], "most": MOST_ORDERS},
    ).fetchall()
    orders: dict[str, dict[str, float]] = {}
    samples: dict[str, int] = defaultdict(int)
    counted: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, latency_us, begun_us, worked_us, hidden_us, what, count in rows:
        rest = max(0, latency_us - begun_us - worked_us)
        orders[key] = {NOT_BEGUN: begun_us, BETWEEN: rest, HIDDEN: float(hidden_us), "": float(worked_us - hidden_us)}
        if what is not None and count:
            counted[key].append((what, count))
            samples[what] += count
    return len(orders), limit[0] / 1000, _shares(list(_split(orders, counted).values()), samples)


def _split(
    orders: Mapping[str, dict[str, float]], counted: Mapping[str, list[tuple[str, int]]]
) -> dict[str, dict[str, float]]:
    """Each order's microseconds by what they went into; those of its attempts by its samples, if there are any."""
    split = {}
    for key, parts in orders.items():
        worked = parts.pop("")
        total = sum(count for _, count in counted.get(key, ()))
        for what, count in counted.get(key, ()):
            parts[what] = parts.get(what, 0.0) + worked * count / total
        if not total:
            parts["in attempts that no sample met"] = worked
        split[key] = parts
    return split


def _shares(orders: Sequence[Mapping[str, float]], samples: Mapping[str, int]) -> tuple[WaitShare, ...]:
    names = sorted({name for order in orders for name, us in order.items() if us > 0})
    chance = Random(len(orders))
    drawings = [chance.choices(orders, k=len(orders)) for _ in range(RESAMPLES)] if len(orders) > 1 else []
    drawn = [_share_of(drawing) for drawing in drawings]
    measured = _share_of(orders)
    outside = round(RESAMPLES * 0.025)
    found = []
    for name in names:
        values = sorted(one.get(name, 0.0) for one in drawn)
        low, high = (values[outside], values[-1 - outside]) if values else (None, None)
        found.append(WaitShare(name, measured.get(name, 0.0), samples.get(name, 0), low, high))
    return tuple(sorted(found, key=lambda one: -one.share)[:8])


def _share_of(orders: Sequence[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for order in orders:
        for name, us in order.items():
            sums[name] += us
    total = sum(sums.values()) or 1.0
    return {name: us / total for name, us in sums.items()}


def _sentence(orders: int, tail: Sequence[WaitShare]) -> str:
    """The largest part of the tail, if enough was seen of it to say so."""
    if orders < LEAST_ORDERS or not tail:
        return f"too few slow orders ({orders}) to say where their time goes"
    first = tail[0]
    exact = first.what in (NOT_BEGUN, BETWEEN, HIDDEN)
    if not exact and first.samples < LEAST_SAMPLES:
        return f"too few samples ({first.samples}) of the slowest orders to say where their time goes"
    spread = f" ({first.low:.0%} to {first.high:.0%})" if first.low is not None and first.high is not None else ""
    return f"{first.share:.0%}{spread} of the time of the slowest 1 % of the orders: {first.what}"
