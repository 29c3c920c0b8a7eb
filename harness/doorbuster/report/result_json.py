"""``result.json``: the run as data, from which everything else can be drawn again."""

import json
import math
import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from pydantic import TypeAdapter

from doorbuster.model.events import Event, RunFinished
from doorbuster.model.result import SCHEMA, RunResult
from doorbuster.report.files import write_atomically
from doorbuster.report.text import redacted

NAME = "result.json"
STDOUT = Path("-")


class ResultJson:
    """Writes ``result.json`` into the run's folder, and a copy to ``also``; ``-`` is the standard output."""

    def __init__(self, also: Path | None = None, stdout: TextIO | None = None) -> None:
        self._also = also
        self._stdout = stdout

    def on(self, event: Event) -> None:
        """Write when the run is over."""
        if isinstance(event, RunFinished):
            text = as_json(event.result)
            write_atomically(event.folder / NAME, text)
            if self._also == STDOUT:
                print(text, end="", file=self._stdout or sys.stdout)
            elif self._also:
                write_atomically(self._also, text)


def as_json(result: RunResult) -> str:
    """The result as an indented JSON document."""
    return json.dumps(plain(result.as_dict()), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: Path) -> RunResult:
    """Read a ``result.json`` back; values of rows come back as the JSON types they were written as.

    Raises:
        ValueError: the file is no result of this schema.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"{path} is no {SCHEMA} document")
    return TypeAdapter(RunResult).validate_python(content)


def plain(value: object) -> Any:
    """``value`` in JSON's types. A decimal becomes text, because a float would change it; so do NaN and infinity."""
    match value:
        case None | bool() | int() if not isinstance(value, Enum):
            return value
        case Enum():
            return plain(value.value)
        case str():
            return redacted(value.encode("utf-8", "replace").decode())  # a lone surrogate has no UTF-8
        case float():
            return value if math.isfinite(value) else _nonfinite(value)
        case Mapping():
            return {key if isinstance(key, str) else str(plain(key)): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    return _scalar(value)


def _nonfinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _scalar(value: object) -> str:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()  # as PostgreSQL writes bytea
        case Decimal() | UUID() | timedelta() | Path():
            return str(value)
    return redacted(str(value))
