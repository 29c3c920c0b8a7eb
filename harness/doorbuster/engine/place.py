"""The command that goes to one place of a cut or a crash, or to one schedule, again."""

import shlex
from pathlib import Path
from typing import Any

from doorbuster.model.result import ScenarioResult

TIMES = 20


def place_command(result: ScenarioResult, check: str, options: str, folder: Path) -> str | None:
    """The command for the first place at which ``check`` was violated; None where no place is known. ``folder`` is the
    run's."""
    for failure in (result.schedules or {}).get("failing", ()):
        if check in failure["checks"]:
            file = shlex.quote(str(folder / result.name / failure["file"]))
            return f"doorbuster replay {file} --times {TIMES} {options}"
    for kind, told in (("cut", result.cuts), ("crash", result.crashes)):
        for row in (told or {}).get("strip", ()):
            if check in str(row["violated"]).split(", "):
                return f"doorbuster {kind} --at '{_name(kind, row)}' {_size(kind, told or {})}{options}"
    return None


def _name(kind: str, row: dict[str, Any]) -> str:
    return f"{row['cut']} {row['from_byte']}" if kind == "cut" else str(row["place"])


def _size(kind: str, told: dict[str, Any]) -> str:
    """Whose conversation it was, and how many products the cart had: another cart is another conversation."""
    link = f"--link {told['link']} " if told.get("link") else ""
    return link + (f"--lines {told['lines']} " if "lines" in told else "")
