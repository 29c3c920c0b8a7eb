"""Each fault's proof on tables made by hand: one where the fault left its mark, and near misses."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from doorbuster.faults import SITE_FAULTS
from doorbuster.record.seal import empty_table
from doorbuster.record.tables import TABLES

WINDOWS = [("mine", 1_000_000, 2_000_000), ("mine", 5_000_000, 6_000_000), ("other", 8_000_000, 9_000_000)]
INSIDE, ACROSS, BETWEEN = (1_100_000, 1_400_000), (900_000, 2_100_000), (2_500_000, 4_800_000)
EDGE, OTHERS, NEVER = (1_800_000, 2_300_000), (8_000_000, 9_000_000), (1_500_000, None)
TOO_MANY = "TooManyConnectionsError: sorry, too many clients already"

# When, outcome, code, message.
Attempt = tuple[tuple[int, int | None], str, str | None, str | None]


def proved(kind: str, attempts: list[Attempt], due: Sequence[tuple[int, int]] = (), anew: int = 0) -> tuple[int, str]:
    """What the proof says; ``due`` are orders that were due and begun at two instants, ``anew`` attempts connected."""
    with duckdb.connect() as database:
        for table, kinds in TABLES.items():
            database.execute(f"create table {table} as {empty_table(kinds)}")
        for name, applied_us, healed_us in WINDOWS:
            database.execute("insert into fault_windows values (?, 'any', ?, ?)", [name, applied_us, healed_us])
        for number, ((invoked, returned), outcome, code, message) in enumerate(attempts):
            values: dict[str, Any] = {
                "attempt": number, "order_key": f"k{number}", "invoked_us": invoked, "returned_us": returned,
                "duration_us": None if returned is None else returned - invoked, "outcome": outcome, "code": code,
                "message": message,
            }  # fmt: skip
            columns = ", ".join(f"? as {name}" for name in values)
            database.execute(f"insert into attempts by name select {columns}", list(values.values()))
            if number < anew:
                database.execute("insert into connects values (?, ?, 1)", [number, f"k{number}"])
        for number, (due_us, started_us) in enumerate(due):
            database.execute("insert into requests values (?, 'c', '1', 'valid', 'p', ?, ?)",
                             [f"d{number}", due_us, started_us])  # fmt: skip
        result = database.execute(SITE_FAULTS[kind].from_parameters({}).proof_sql, {"name": "mine"})
        assert [str(column[1]) for column in result.description] == ["BIGINT", "VARCHAR"]
        ((marks_found, sentence),) = result.fetchall()
        return marks_found, sentence


@pytest.mark.parametrize(("kind", "attempt", "sentence"), [
    ("server_stalled", (ACROSS, "ok", None, None), "1 attempts waited for half of it or more, 0 gave up"),
    ("server_stalled", (INSIDE, "unknown", "timeout", None), "0 attempts waited for half of it or more, 1 gave up"),
    ("failover", (INSIDE, "unknown", "eof", None), "1 connection broken, 0 not made, 0 made anew"),
    ("failover", (INSIDE, "unknown", "connect_refused", None), "0 connections broken, 1 not made, 0 made anew"),
    ("connections_exhausted", (INSIDE, "unknown", "connect_lost", TOO_MANY),
     "1 attempt was told that there are too many clients"),
    ("disk_full", (INSIDE, "error", "53100", "could not extend file"), "1 attempt met a full disk"),
    ("slow_disk", (INSIDE, "ok", None, None), "1 of 1 answered orders took 50 ms or more"),
    ("worker_stalled", (ACROSS, "ok", None, None),
     "1 attempts were kept waiting, 0 orders that were due meanwhile began late"),
])  # fmt: skip
def test_a_mark_is_seen(kind: str, attempt: Attempt, sentence: str) -> None:
    assert proved(kind, [attempt]) == (1, sentence)


def test_orders_that_were_due_while_nobody_worked_are_a_mark() -> None:
    due = [(1_500_000, 2_000_500), (1_500_000, 1_500_900), (500_000, 2_000_500), (8_500_000, 9_000_100)]
    marks, sentence = proved("worker_stalled", [], due)
    assert marks == 1
    assert sentence.endswith(", 1 orders that were due meanwhile began late")


def test_a_failover_is_seen_in_connections_made_anew() -> None:
    attempts: list[Attempt] = [((2_500_000, 2_600_000), "ok", None, None), ((7_999_999, 8_100_000), "ok", None, None)]
    assert proved("failover", attempts, anew=2) == (2, "0 connections broken, 0 not made, 2 made anew")
    assert proved("failover", [((4_500_000, 4_600_000), "ok", None, None)], anew=1)[0] == 0


@pytest.mark.parametrize(("kind", "attempt"), [
    ("server_stalled", (INSIDE, "ok", None, None)),
    ("server_stalled", (BETWEEN, "ok", None, None)),
    ("server_stalled", (OTHERS, "ok", None, None)),
    ("failover", (INSIDE, "ok", None, None)),
    ("failover", (INSIDE, "unknown", "timeout", None)),
    ("failover", (BETWEEN, "unknown", "eof", None)),
    ("connections_exhausted", (INSIDE, "unknown", "connect_lost", "ConnectionResetError")),
    ("connections_exhausted", (OTHERS, "unknown", "connect_lost", TOO_MANY)),
    ("disk_full", (BETWEEN, "error", "53100", None)),
    ("disk_full", (INSIDE, "error", "P0001", None)),
    ("slow_disk", (EDGE, "ok", None, None)),
    ("slow_disk", ((1_100_000, 1_130_000), "ok", None, None)),
    ("slow_disk", (INSIDE, "unknown", "timeout", None)),
    ("worker_stalled", (INSIDE, "ok", None, None)),
    ("worker_stalled", (NEVER, "unknown", "stopped", None)),
])  # fmt: skip
def test_a_near_miss_is_none(kind: str, attempt: Attempt) -> None:
    assert proved(kind, [attempt])[0] == 0
