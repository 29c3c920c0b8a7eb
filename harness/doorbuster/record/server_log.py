"""Deadlocks, as the server's own log tells of them: who waited for whom, and whom it killed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

# The server logs with the prefix "%m [%p] "; further lines of a message begin with a tab.
_ENTRY = re.compile(r"^(?P<at>[\d-]{10} [\d:]{8}\.\d{3} UTC) \[(?P<pid>\d+)\] (?P<level>\w+):  (?P<text>.*)$")
_WAITS = re.compile(r"^Process (\d+) waits for .+; blocked by process \d+\.$")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One session of a deadlock; ``at_us`` in microseconds of the wall clock, ``detail`` what it waited for."""

    deadlock: int
    at_us: int
    pid: int
    is_victim: bool
    detail: str


def read_deadlocks(text: str) -> Iterator[Waiting]:
    """Every session of every deadlock in a server's log, in its order.

    An error that somebody raised with the same code is no deadlock: it lacks the detail that only the server writes.
    """
    number, found_at = 0, 0
    victim: str | None = None
    for level, pid, at, lines in _entries(text):
        if level == "ERROR":
            victim, found_at = (pid, at) if lines[0] == "deadlock detected" else (None, 0)
        elif level == "DETAIL" and pid == victim:
            for line in lines:
                if match := _WAITS.match(line):
                    yield Waiting(number, found_at, int(match[1]), match[1] == victim, line)
            number, victim = number + 1, None


def _entries(text: str) -> Iterator[tuple[str, str, int, list[str]]]:
    """Level, process, instant and lines of each entry."""
    entry: tuple[str, str, int, list[str]] | None = None
    for line in text.splitlines():
        if match := _ENTRY.match(line):
            if entry:
                yield entry
            at = datetime.strptime(match["at"], "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
            at_us = round(at.timestamp() * 1_000_000)
            entry = (match["level"], match["pid"], at_us, [match["text"]])
        elif entry and line.startswith("\t"):
            entry[3].append(line[1:])
    if entry:
        yield entry
