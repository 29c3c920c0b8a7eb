"""What the server's own log tells: deadlocks (who waited for whom, whom it killed), and what ended it or a session."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

# The server logs with the prefix "%m [%p] "; further lines of a message begin with a tab.
_ENTRY = re.compile(r"^(?P<at>[\d-]{10} [\d:]{8}\.\d{3} UTC) \[(?P<pid>\d+)\] (?P<level>\w+):  (?P<text>.*)$")
# Besides every PANIC and FATAL: how the server went down and came up, and errors of the machine under it.
_TELLS_OF_TROUBLE = re.compile(
    r"was terminated by signal|exited with exit code|terminating any other active|all server processes terminated|"
    r"database system (was|is)|redo (starts|done)|received .* shutdown request|aborting any active|"
    r"could not (extend|write|open|fsync)|No space left|^deadlock detected$|out of memory|too many"
)
_NUMBER = re.compile(r"\d+")
_MOST_DETAILS = 8
MOST_KINDS = 100
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


@dataclass(frozen=True, slots=True)
class Trouble:
    """The first of ``times`` like messages of the log, with its further lines; ``at_us`` of the wall clock."""

    at_us: int
    level: str
    pid: int
    text: str
    times: int


def read_troubles(text: str) -> list[Trouble]:
    """What ended the server, a process of it or a session, how it came back, full disks, and deadlocks; in its order.

    Messages that differ in numbers only are told once, with how often they came; at most ``MOST_KINDS`` kinds.
    """
    found: dict[tuple[str, str], Trouble] = {}
    reported: str | None = None
    for level, pid, at_us, lines in _entries(text):
        if level == "DETAIL" and pid == reported:
            key = next(reversed(found))
            found[key] = replace(found[key], text="\n".join([found[key].text, *lines[:_MOST_DETAILS]]))
            reported = None
            continue
        if level not in ("PANIC", "FATAL") and not _TELLS_OF_TROUBLE.search(lines[0]):
            continue
        key = (level, _NUMBER.sub("#", lines[0]))
        if key in found:
            found[key] = replace(found[key], times=found[key].times + 1)
        elif len(found) < MOST_KINDS:
            found[key] = Trouble(at_us, level, int(pid), "\n".join(lines[:_MOST_DETAILS]), 1)
            reported = pid if level == "ERROR" else None
    return list(found.values())


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
