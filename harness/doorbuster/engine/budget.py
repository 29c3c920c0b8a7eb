"""Which scenario next when time is short: the one that finds most in the seconds it takes, as far as that was measured.

What is known comes from two places. ``scenarios/finds.json`` holds which broken functions each standing scenario
convicted when the harness's power was measured, and how long it took (``benchmarks/finds.py`` writes it). The runs in
the ``--out`` folder tell how long scenarios take here, and which of them convicted this shop the last time.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from doorbuster.host.resources import resource
from doorbuster.model.scenario import Scenario
from doorbuster.report.result_json import NAME as RESULT
from doorbuster.report.result_json import load

FINDS = "scenarios/finds.json"
# A scenario of which nothing is known: a team wrote it because it finds something; it lasts as its phases do, or so.
UNKNOWN_S = 5.0
REMEMBERED = 10  # runs


@dataclass(frozen=True, slots=True)
class Known:
    """How long a scenario takes, in seconds, and what it is known to convict; ``failed``: this very shop, last time."""

    seconds: float
    convicts: frozenset[str] = frozenset()
    failed: bool = False


def measured(scenarios: Iterable[Scenario]) -> dict[str, Known]:
    """What is known of scenarios before any run; one's own counts as finding something that no other does."""
    table = json.loads(resource(FINDS).read_text())
    found = {}
    for scenario in scenarios:
        entry = table.get(scenario.name, {"convicts": [f"own: {scenario.name}"]})
        seconds = float(entry.get("seconds", scenario.duration_s + UNKNOWN_S))
        found[scenario.name] = Known(max(seconds, 0.1), frozenset(entry["convicts"]))
    return found


def remembered(known: Mapping[str, Known], out: Path, contract: str) -> dict[str, Known]:
    """``known``, and what the newest runs in the folder ``out`` tell: durations, and what the last one convicted."""
    found, has_last = dict(known), False
    for path in sorted(out.glob(f"*/{RESULT}"), reverse=True)[:REMEMBERED][::-1]:
        try:
            result = load(path)
        except (OSError, ValueError):
            continue  # of another version, or half removed: nothing to learn from it
        if result.contract.get("name") != contract:
            continue
        if result.scenarios:
            found = {name: replace(entry, failed=False) for name, entry in found.items()}
        for scenario in result.scenarios:
            if (entry := found.get(scenario.name)) and scenario.error is None:
                failed = any(check.status == "violated" for check in scenario.checks)
                found[scenario.name] = replace(entry, seconds=max(scenario.duration_s, 0.1), failed=failed)
        has_last = True
    return found if has_last else dict(known)


def most_first(known: Mapping[str, Known]) -> list[str]:
    """The names in the order that finds most soonest.

    What failed the last time comes first. Then each time the scenario that convicts most of what those before it do
    not, for each second it takes (a greedy cover); what adds nothing comes last, the shortest first.
    """
    left, seen, order = dict(known), set[str](), list[str]()

    def worth(name: str) -> tuple[bool, float, float]:
        entry = left[name]
        return entry.failed, len(entry.convicts - seen) / entry.seconds, -entry.seconds

    while left:
        name = max(left, key=worth)
        seen |= left.pop(name).convicts
        order.append(name)
    return order


@dataclass(slots=True)
class Budget:
    """Hands out scenarios as long as the next one seems to fit before ``until``, an instant of ``clock``.

    How long they take is corrected by how long those before took, so that a slow machine is learned of. One that was
    begun is finished, so a budget may be overdrawn by what the last one took longer.
    """

    names: Sequence[str]
    known: Mapping[str, Known]
    until: float
    clock: Callable[[], float] = time.monotonic
    left: list[str] = field(init=False)
    _asked_s: float = 0.0
    _took_s: float = 0.0
    _running: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        self.left = most_first({name: self.known[name] for name in self.names})

    def next(self) -> str | None:
        """The name of the scenario to run now; None where no other fits. ``left`` then has those not reached."""
        now = self.clock()
        if self._running is not None:
            name, begun = self._running
            self._asked_s, self._took_s = self._asked_s + self.known[name].seconds, self._took_s + now - begun
            self._running = None
        pace = self._took_s / self._asked_s if self._asked_s else 1.0
        fitting = (name for name in self.left if now + pace * self.known[name].seconds <= self.until)
        if (chosen := next(fitting, None)) is not None:
            self.left.remove(chosen)
            self._running = (chosen, now)
        return chosen
