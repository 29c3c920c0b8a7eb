"""The story of a violation: the attempts of its order, those that met it at the same product, and their commits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from doorbuster.model.check import CheckResult
from doorbuster.model.story import Story, StoryAttempt, StoryCommit

OWN, RIVALS = 6, 4  # lanes that a person can still follow
_SAID = 200


def with_stories(
    connection: duckdb.DuckDBPyConnection, results: Sequence[CheckResult]
) -> tuple[CheckResult, ...]:
    """The results, each that has violations with the story of the first."""
    return tuple(replace(r, story=story_of(connection, r.rows[0])) if r.rows else r for r in results)


def story_of(connection: duckdb.DuckDBPyConnection, row: Mapping[str, object]) -> Story | None:
    """The story of the violation that ``row`` proves; None where the row names nobody whose attempts are known.

    The row's ``order_key``, ``order_id``, ``attempt``, ``commit`` and ``product`` are used as far as they are there.
    """
    own = _own_attempts(connection, row)
    rivals = _rivals(connection, row, own)
    known = sorted([(a, False) for a in own] + [(a, True) for a in rivals], key=lambda pair: pair[0]["invoked_us"])
    if not known:
        return None
    start_us = known[0][0]["invoked_us"]
    commits = _commits(connection, [a["attempt"] for a, _ in known], start_us)
    began = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start_us)
    attempts = tuple(
        StoryAttempt(
            a["attempt"], a["order_key"], a["try_no"], a["outcome"],
            (a["invoked_us"] - start_us) / 1000,
            None if a["returned_us"] is None else (a["returned_us"] - start_us) / 1000,
            (a["message"] or a["code"] or "")[:_SAID], rival, tuple(commits.get(a["attempt"], ())),
        )
        for a, rival in known
    )  # fmt: skip
    return Story(began.isoformat(timespec="microseconds"), attempts)


_COLUMNS = "attempt, order_key, try_no, outcome, invoked_us, returned_us, code, message"


def _own_attempts(connection: duckdb.DuckDBPyConnection, row: Mapping[str, object]) -> list[dict[str, Any]]:
    key = row.get("order_key")
    for query, value in (
        ("select order_key from orders where order_id = ?::varchar", row.get("order_id")),
        ("select order_key from attempts where attempt = try_cast(? as bigint)", row.get("attempt")),
        ("select order_key from made_by where commit = try_cast(? as bigint)", row.get("commit")),
    ):
        if key is None and value is not None:
            found = connection.execute(query, [str(value)]).fetchone()
            key = found[0] if found else None
    if key is None:
        return []
    query = f"select {_COLUMNS} from attempts where order_key = ? order by invoked_us, attempt limit {OWN}"
    return _dicts(connection, query, [str(key)])


def _rivals(
    connection: duckdb.DuckDBPyConnection, row: Mapping[str, object], own: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Attempts of other orders that changed the product's stock while the own ones ran, the nearest first."""
    product, commit = row.get("product"), row.get("commit")
    if product is None or not own:
        return []
    ends = [a["returned_us"] for a in own]
    until_us = max(end for end in ends if end is not None) if any(end is not None for end in ends) else 2**62
    return _dicts(connection, f"""
        with at_product as (
            select made_by.attempt,
                   min(abs(made_by.commit - coalesce(try_cast($commit as bigint), made_by.commit))) as far
            from stock join made_by on made_by.commit = stock.commit
            where stock.product = $product::varchar and made_by.attempt is not null group by 1
        )
        select {_COLUMNS} from attempts join at_product using (attempt)
        where order_key <> $key and invoked_us <= $until and coalesce(returned_us, $until) >= $since
        order by far, attempt limit {RIVALS}""", {
            "commit": None if commit is None else str(commit), "product": str(product), "key": own[0]["order_key"],
            "since": own[0]["invoked_us"], "until": until_us,
        })  # fmt: skip


def _commits(
    connection: duckdb.DuckDBPyConnection, attempts: list[int], start_us: int
) -> dict[int, list[StoryCommit]]:
    """What each attempt committed, and what each commit did, by attempt."""
    found: dict[int, list[StoryCommit]] = {}
    rows = connection.execute("""
        with mine as (select attempt, commit, ts_us from made_by where attempt = any($attempts)), did as (
            select commit, 1 as rank, 'order ' || order_id as what from orders join mine on commit = born
            union all
            select commit, 2, format('{} of product {} on order {}', sum(delta), product, order_id)
            from line_events join mine using (commit) group by commit, product, order_id having sum(delta) <> 0
            union all
            select commit, 3, format('stock of product {}: {} → {}', product, before, after)
            from stock join mine using (commit)
        )
        select attempt, commit, ts_us, list(what order by rank, what)
        from mine join did using (commit) group by all order by commit""", {"attempts": attempts}).fetchall()
    for attempt, commit, ts_us, did in rows:
        told = StoryCommit(commit, (ts_us - start_us) / 1000, tuple(did))
        found.setdefault(attempt, []).append(told)
    return found


def _dicts(
    connection: duckdb.DuckDBPyConnection, query: str, values: list[str] | dict[str, Any]
) -> list[dict[str, Any]]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
