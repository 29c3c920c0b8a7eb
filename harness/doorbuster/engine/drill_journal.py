"""What was done to a shop and when, written as it happens: for the report, and for whoever looks while it goes on."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from doorbuster.host.clock import now_us
from doorbuster.record.journal import Journal

TEXT_FILE = "journal.txt"


class DrillJournal:
    """Writes the table ``happenings`` and the same as text. May be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder, "happenings")
        self._text = (folder / TEXT_FILE).open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            self._journal.__exit__()
            self._text.close()

    def write(self, what: str, text: str, fault: str | None = None, kind: str | None = None, target: str | None = None,
              at_us: int | None = None) -> None:  # fmt: skip
        """One line: ``what`` is a word such as ``applied``, ``text`` says it to a person."""
        at_us = now_us() if at_us is None else at_us
        clock = datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        with self._lock:
            if self._closed:
                return
            self._journal.append([at_us, what, fault, kind, target, text])
            self._journal.flush()
            self._text.write(f"{clock} UTC  {what:<12} {f'{fault} ({target})' if fault else '':<36} {text}\n")
            self._text.flush()
