"""Which broken functions each standing scenario convicts, and how long it takes: from measurements of the power.

    doorbuster power --whole --seed 1
    python benchmarks/finds.py reports/*-power/power.json > scenarios/finds.json

``doorbuster run --budget`` chooses by it. Of a measurement without ``--whole`` only the first scenario that convicts is
known.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def main() -> None:
    """Print the table."""
    print(json.dumps(table([json.loads(Path(name).read_text()) for name in sys.argv[1:]]), indent=1))


def table(measurements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By scenario: ``seconds``, the median (absent where it never ran), and ``convicts``, names of broken functions."""
    seconds, convicts = defaultdict[str, list[float]](list), defaultdict[str, set[str]](set)
    for found in measurements:
        for trial in found["trials"]:
            for cell in trial["cells"]:
                seconds[cell["scenario"]].append(cell["seconds"])
                if cell["violated"] and trial["kind"] != "correct":
                    convicts[cell["scenario"]].add(trial["name"])
    names = sorted({name for found in measurements for name in found["scenarios"]})
    return {name: _entry(seconds[name], convicts[name]) for name in names}


def _entry(seconds: list[float], convicts: set[str]) -> dict[str, Any]:
    took = {"seconds": round(statistics.median(seconds), 1)} if seconds else {}
    return {**took, "convicts": sorted(convicts)}


if __name__ == "__main__":
    main()
