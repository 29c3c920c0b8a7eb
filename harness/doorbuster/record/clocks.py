"""The clocks of the workers on other machines, kept beside their journals until these are sealed."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from doorbuster.model.clock import Clock

FILE = "clocks.json"


def save_clocks(folder: Path, clocks: Mapping[int, Clock]) -> None:
    """Write the clock of each part of the journals."""
    (folder / FILE).write_text(json.dumps({part: asdict(clock) for part, clock in clocks.items()}))


def load_clocks(folder: Path) -> dict[str, Clock]:
    """The clocks by a journal's part; empty where all was written on one machine."""
    try:
        content = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    return {part: Clock(**clock) for part, clock in content.items()}
