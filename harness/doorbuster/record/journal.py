"""Append-only journals, one line a row, so that whatever ended the process, all but its last line can be read."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from doorbuster.record.tables import JOURNALS

# A row must stay one line, so that a torn tail is what follows the last line end; NUL is not for CSV.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_BUFFER_BYTES = 1 << 16
_KEPT_LINES = 500
_TEXT_LIMIT = 2000


class Journal:
    """Writes the rows of one table to ``<folder>/<table>.<part>.csv``.

    ``part`` tells writers of several processes apart. Not thread-safe: one writer each.
    """

    def __init__(self, folder: Path, table: str, part: str = "0") -> None:
        self._columns = len(JOURNALS[table])
        self._commas = self._columns - 1
        self._file = (folder / f"{table}.{part}.csv").open("w", encoding="utf-8", newline="", buffering=_BUFFER_BYTES)
        self._write = csv.writer(self._file, lineterminator="\n").writerow
        self._kept: list[str] = []

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, in the order of the table's columns; None is NULL."""
        if len(row) != self._columns:
            raise ValueError(f"a row of {len(row)} values for {self._columns} columns")
        line = ",".join(["" if value is None else value if type(value) is str else str(value) for value in row])
        if not self.put(line):
            self._write_kept()
            self._write([_one_line(value) if isinstance(value, str) else value for value in row])

    def put(self, line: str) -> bool:
        """Add a row given as its values' texts joined by commas, and say so, if the line can stay as it is.

        Half of what :meth:`append` costs, which takes every row.
        """
        # Nearly every row needs no quotes; whether one does is seen faster in the whole of it than in each value.
        if line.isprintable() and '"' not in line and line.count(",") == self._commas and len(line) <= _TEXT_LIMIT:
            self._kept.append(line)
            if len(self._kept) >= _KEPT_LINES:
                self._write_kept()
            return True
        return False

    def _write_kept(self) -> None:
        """Many lines at once: to write each by itself costs as much as to look whether it can stay as it is."""
        if self._kept:
            self._kept.append("")
            self._file.write("\n".join(self._kept))
            self._kept = []

    def flush(self) -> None:
        """Hand what is buffered to the operating system, which keeps it even if this process is killed."""
        self._write_kept()
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_kept()
        self._file.close()


def _one_line(text: str) -> str:
    if len(text) > _TEXT_LIMIT:
        text = text[:_TEXT_LIMIT] + "…"
    if not text.isprintable():
        text = _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()
    return text


def whole_lines(path: Path) -> None:
    """Cut a torn last line off a journal whose writer was killed in the middle of it."""
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        while end > 0:
            start = max(0, end - _BUFFER_BYTES)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            end = start
        file.truncate(0)
