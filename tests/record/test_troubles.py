"""What is taken from the server's log into the run."""

from doorbuster.record.server_log import read_troubles

LOG = """\
2026-11-25 23:16:12.000 UTC [10] LOG:  database system was shut down at 2026-11-25 23:16:11 UTC
2026-11-25 23:16:13.000 UTC [10] LOG:  checkpoint starting: time
2026-11-25 23:16:14.000 UTC [20] FATAL:  sorry, too many clients already
2026-11-25 23:16:14.001 UTC [21] FATAL:  sorry, too many clients already
2026-11-25 23:16:15.000 UTC [22] ERROR:  insufficient stock for product 7
2026-11-25 23:16:16.000 UTC [23] ERROR:  deadlock detected
2026-11-25 23:16:16.000 UTC [23] DETAIL:  Process 23 waits for ShareLock on transaction 5; blocked by process 24.
\tProcess 24 waits for ShareLock on transaction 6; blocked by process 23.
2026-11-25 23:16:16.000 UTC [23] HINT:  See server log for query details.
2026-11-25 23:16:17.000 UTC [25] PANIC:  could not write to file "pg_wal/xlogtemp.25": No space left on device
2026-11-25 23:16:17.100 UTC [10] LOG:  server process (PID 25) was terminated by signal 6: Aborted
2026-11-25 23:16:17.100 UTC [10] DETAIL:  Failed process was running: COMMIT
"""


def test_what_ended_something_is_told_and_the_rest_is_not() -> None:
    found = read_troubles(LOG)
    assert [(t.level, t.times) for t in found] == [
        ("LOG", 1), ("FATAL", 2), ("ERROR", 1), ("PANIC", 1), ("LOG", 1),
    ]  # fmt: skip
    deadlock = found[2].text
    assert deadlock.startswith("deadlock detected\nProcess 23 waits")
    assert "Process 24 waits" in deadlock


def test_a_shops_own_errors_are_no_trouble() -> None:
    assert "insufficient" not in "".join(t.text for t in read_troubles(LOG))


def test_a_flood_of_different_messages_has_a_bound() -> None:
    words = (f"2026-11-25 23:16:14.000 UTC [20] FATAL:  no such thing as {'x' * n}" for n in range(1000))
    assert len(read_troubles("\n".join(words))) == 100
