"""Deadlocks are read from the server's own log, and nothing else is taken for one."""

from datetime import UTC, datetime

from doorbuster.record.server_log import read_deadlocks

LOG = """\
2026-11-24 22:00:00.123 UTC [123] ERROR:  deadlock detected
2026-11-24 22:00:00.123 UTC [123] DETAIL:  Process 123 waits for ShareLock on transaction 5; blocked by process 456.
\tProcess 456 waits for ShareLock on transaction 6; blocked by process 123.
\tProcess 123: select 'Process 9 waits for nothing; blocked by process 8.'
\tProcess 456: select 2
2026-11-24 22:00:00.123 UTC [123] HINT:  See server log for query details.
2026-11-24 22:00:01.000 UTC [77] LOG:  process 77 still waiting for ShareLock on transaction 9 after 1000 ms
2026-11-24 22:00:02.000 UTC [88] ERROR:  deadlock detected
2026-11-24 22:00:02.000 UTC [88] DETAIL:  raised by hand
2026-11-24 22:00:03.000 UTC [99] ERROR:  deadlock detected
2026-11-24 22:00:03.000 UTC [99] DETAIL:  Process 99 waits for ExclusiveLock on tuple (0,1); blocked by process 98.
\tProcess 98 waits for ShareLock on transaction 7; blocked by process 99.
"""


def test_each_session_of_each_deadlock_is_told() -> None:
    found = list(read_deadlocks(LOG))
    assert [(w.pid, w.is_victim) for w in found] == [(123, True), (456, False), (99, True), (98, False)]
    assert len({w.deadlock for w in found}) == 2
    assert found[0].at_us == datetime(2026, 11, 24, 22, 0, 0, 123000, tzinfo=UTC).timestamp() * 1_000_000
    assert found[1].detail == "Process 456 waits for ShareLock on transaction 6; blocked by process 123."


def test_an_error_that_was_raised_by_hand_is_no_deadlock() -> None:
    assert list(read_deadlocks("2026-11-24 22:00:02.000 UTC [88] ERROR:  deadlock detected\n")) == []


def test_a_log_cut_in_the_middle_and_lines_without_a_prefix_are_read_past() -> None:
    assert next(read_deadlocks("\tof an entry before\nnonsense\n" + LOG)).pid == 123
