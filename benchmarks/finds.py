"""Which of the broken shops that come with Doorbuster each standing scenario convicts, and how long it takes.

    python benchmarks/finds.py [--set gate] [--contract PATH …] > scenarios/finds.json

``doorbuster run --budget`` chooses by it. What the file held for other scenarios stays.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from doorbuster.engine.budget import FINDS
from doorbuster.engine.loading import load_job
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.check import CheckStatus
from doorbuster.model.events import Event, ScenarioFinished, ScenarioStarted

ANCESTORS = ("two_calls", "application_rollback", "first_published")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="gate", dest="chosen")
    parser.add_argument("--scenario", action="append", default=[])
    parser.add_argument("--contract", action="append", type=Path)
    options = parser.parse_args()
    seconds, convicts = defaultdict[str, list[float]](list), defaultdict[str, set[str]](set)
    for contract in options.contract or broken():
        for name, (took, convicted) in measured(contract, options.scenario, options.chosen).items():
            seconds[name].append(took)
            if convicted:
                convicts[name].add(label(contract))
    found = json.loads(resource(FINDS).read_text()) if resource(FINDS).exists() else {}
    for name, times in seconds.items():
        found[name] = {"seconds": round(statistics.median(times), 1), "convicts": sorted(convicts[name])}
    print(json.dumps(dict(sorted(found.items())), indent=1))


def broken() -> list[Path]:
    """The contracts of broken shops."""
    folder = resource("scenarios/contracts")
    return [*(folder / f"{name}.toml" for name in ANCESTORS), *sorted(folder.glob("*/broken.toml"))]


def label(contract: Path) -> str:
    """The shop's name in the table."""
    return contract.parent.name if contract.stem == "broken" else contract.stem


def measured(contract: Path, scenarios: list[str], chosen: str) -> dict[str, tuple[float, bool]]:
    """Seconds and whether it convicted, by scenario."""
    found: dict[str, tuple[float, bool]] = {}
    begun = 0.0

    def listen(event: Event) -> None:
        nonlocal begun
        if isinstance(event, ScenarioStarted):
            begun = time.monotonic()
        elif isinstance(event, ScenarioFinished):
            violated = any(check.status is CheckStatus.VIOLATED for check in event.result.checks)
            found[event.result.name] = (time.monotonic() - begun, violated)

    with tempfile.TemporaryDirectory() as out:
        result = run(load_job(contract, scenarios, chosen), RunSettings(out=Path(out), seed=7, command=""), listen)  # type: ignore[arg-type]
    print(f"{label(contract)}: {result.verdict.value}{f', {result.error}' if result.error else ''}", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
