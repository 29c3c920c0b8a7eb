"""Each fault's proof on tables made by hand: one where the fault left its mark, and near misses."""

from typing import Any

import duckdb
import pytest
from doorbuster.network.faults import FAULTS, make_fault

SCHEMA = """
create table attempts(attempt bigint, order_key varchar, try_no int, buyer int, phase varchar, due_us bigint,
    invoked_us bigint, returned_us bigint, duration_us bigint, outcome varchar, order_id varchar, code varchar,
    message varchar);
create table commits("commit" bigint, lsn varchar, ts_us bigint, attempt bigint);
create view made_by as from commits;
create table fault_windows(name varchar, kind varchar, applied_us bigint, healed_us bigint);
insert into fault_windows values ('mine', 'any', 1000000, 2000000), ('mine', 'any', 5000000, 6000000),
    ('other', 'any', 8000000, 9000000);
insert into commits values (1, '0/1', 0, 1), (2, '0/2', 0, null);
"""
INSIDE = (1_100_000, 1_400_000)
SECOND_WINDOW = (5_100_000, 5_400_000)
BETWEEN = (2_500_000, 2_800_000)
OVER_THE_EDGE = (900_000, 1_200_000)
OTHERS_WINDOW = (8_100_000, 8_400_000)

Attempt = tuple[int, tuple[int, int | None], str, str | None]  # number, interval in µs, outcome, code


def proved(kind: str, attempts: list[Attempt], parameters: dict[str, object] | None = None) -> tuple[int, str]:
    database = duckdb.connect()
    database.execute(SCHEMA)
    for number, (invoked, returned), outcome, code in attempts:
        duration = None if returned is None else returned - invoked
        row: list[Any] = [number, "k", 1, 0, "p", invoked, invoked, returned, duration, outcome, None, code, None]
        database.execute(f"insert into attempts values ({', '.join('?' * len(row))})", row)
    result = database.execute(make_fault(kind, parameters or {}).proof_sql, {"name": "mine"})
    assert [str(column[1]) for column in result.description] == ["BIGINT", "VARCHAR"]
    (row_found,) = result.fetchall()
    marks, sentence = row_found
    return marks, sentence


GOOD: list[tuple[str, list[Attempt], int, str]] = [
    ("ack_lost", [(1, INSIDE, "unknown", "eof")], 1, "1 answer lost after the order had committed"),
    ("ack_lost", [(1, (1_900_000, None), "unknown", "eof")], 1, "1 answer lost after the order had committed"),
    ("never_sent", [(3, INSIDE, "unknown", "eof"), (4, SECOND_WINDOW, "unknown", "connect_lost")], 2,
     "2 requests cut off, nothing committed"),
    ("slow", [(3, INSIDE, "ok", None), (4, (1_100_000, 1_150_000), "ok", None)], 1,
     "1 of 2 answered attempts took 200 ms or more, the fastest 50.0 ms"),
    ("blackhole", [(3, INSIDE, "unknown", "timeout"), (4, OVER_THE_EDGE, "unknown", "connect_timeout"),
                   (5, (1_900_000, 1_999_000), "unknown", "eof")], 3,
     "2 timed out, 1 cut off when the fault was healed"),
    ("refused", [(3, INSIDE, "unknown", "connect_refused"), (4, OVER_THE_EDGE, "unknown", "eof")], 2,
     "1 connection refused, 1 closed"),
    ("reset", [(1, INSIDE, "unknown", "reset"), (3, INSIDE, "unknown", "reset"), (4, INSIDE, "unknown", "eof"),
               (5, INSIDE, "unknown", "connect_lost")], 4,
     "2 connections reset, 1 closed in order, 1 lost while connecting"),
]  # fmt: skip

BAD: list[tuple[str, list[Attempt]]] = [
    ("ack_lost", [(3, INSIDE, "unknown", "eof")]),  # did not commit
    ("ack_lost", [(1, INSIDE, "unknown", "timeout")]),  # was not cut
    ("ack_lost", [(1, INSIDE, "ok", None)]),
    ("never_sent", [(1, INSIDE, "unknown", "eof")]),  # committed
    ("never_sent", [(3, INSIDE, "unknown", "timeout")]),
    ("slow", [(3, (1_100_000, 1_150_000), "ok", None)]),  # fast
    ("slow", [(3, OVER_THE_EDGE, "ok", None)]),  # not wholly inside
    ("slow", [(3, (1_900_000, 5_100_000), "ok", None)]),  # from one window into the next
    ("slow", [(3, INSIDE, "unknown", "timeout")]),
    ("blackhole", [(3, INSIDE, "aborted", "40001")]),
    ("refused", [(3, INSIDE, "unknown", "timeout")]),
    ("reset", [(3, INSIDE, "unknown", "connect_refused")]),
]


@pytest.mark.parametrize(("kind", "attempts", "marks", "sentence"), GOOD)
def test_a_fault_that_left_its_mark_is_proved(kind: str, attempts: list[Attempt], marks: int, sentence: str) -> None:
    assert proved(kind, attempts) == (marks, sentence)


@pytest.mark.parametrize(("kind", "attempts"), BAD)
def test_what_another_cause_explains_is_no_mark(kind: str, attempts: list[Attempt]) -> None:
    assert proved(kind, attempts)[0] == 0


@pytest.mark.parametrize("interval", [BETWEEN, OTHERS_WINDOW])
@pytest.mark.parametrize(("kind", "attempts", "marks", "sentence"), GOOD)
def test_what_happened_outside_the_faults_own_windows_is_no_mark(
    kind: str, attempts: list[Attempt], marks: int, sentence: str, interval: tuple[int, int]
) -> None:
    assert proved(kind, [(number, interval, outcome, code) for number, _, outcome, code in attempts])[0] == 0


@pytest.mark.parametrize("kind", FAULTS)
def test_a_run_without_attempts_proves_nothing(kind: str) -> None:
    marks, sentence = proved(kind, [])
    assert (marks, bool(sentence)) == (0, True)


def test_jitter_lowers_what_a_slowed_attempt_takes_at_least() -> None:
    attempts: list[Attempt] = [(3, (1_100_000, 1_280_000), "ok", None)]
    assert proved("slow", attempts, {"latency_ms": 100.0})[0] == 0
    assert proved("slow", attempts, {"latency_ms": 100.0, "jitter_ms": 10.0})[0] == 1
