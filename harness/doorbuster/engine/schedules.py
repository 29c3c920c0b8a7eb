"""What is told of the schedules that were explored: counts, at which levels the shop is safe, and the first schedule
that broke each check, also as a file."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doorbuster.drive.history import answered
from doorbuster.drive.interleave.driver import Ran
from doorbuster.drive.interleave.explore import Gathering
from doorbuster.drive.interleave.gates import ENTRY, Point
from doorbuster.engine.aftermath import Aftermath
from doorbuster.engine.stage import Stage
from doorbuster.model.crowd import spelled
from doorbuster.model.interleave import Isolation

SCHEDULES = "schedules"
DEADLOCK, DEADLOCK_DETECTED = "deadlock", "40P01"
SCHEDULE_SCHEMA = "doorbuster.schedule/1"


@dataclass(slots=True)
class Explored:
    """What one crowd went through at one isolation level.

    ``bound``: every schedule with up to so many forced switches was run (-1: not even all without one); ``exhausted``:
    every schedule that can lead elsewhere was. ``random`` were drawn, and find a mistake that takes ``depth`` events
    in a certain order with the probability ``guaranteed`` at least. ``uncontrolled`` says which schedule went another
    way the second time. ``gathered``: so often all were let go on at once behind a held row. ``drawn``: nobody named
    this crowd.
    """

    crowd: str
    isolation: Isolation
    buyers: int
    ran: list[Ran] = field(default_factory=list)
    infeasible: int = 0
    redundant: int = 0
    bound: int = -1
    exhausted: bool = False
    random: int = 0
    depth: int = 0
    guaranteed: float | None = None
    gathered: int = 0
    uncontrolled: str | None = None
    drawn: bool = False
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Gates:
    """Where buyers can be stopped. ``inside``: in functions; ``entry``: functions read before their first statement;
    ``strides``: several steps may be taken at once; ``left_out`` tells what cannot be instrumented, and why."""

    points: tuple[Point, ...] = ()
    inside: bool = False
    entry: bool = True
    strides: bool = False
    triggers: bool = False
    left_out: dict[str, str] = field(default_factory=dict)


class _Verdicts:
    """Which checks each schedule broke.

    A deadlock belongs to whoever was told of it: the server's log counts whole milliseconds, and may point at the
    schedule before. Only where a function tells nobody, the log's word stands.
    """

    def __init__(self, found: Aftermath, explored: Sequence[Explored]) -> None:
        self._found = found
        self._told = [ran for one in explored for ran in one.ran if is_told_of_deadlock(ran)]
        self._is_broken = any(DEADLOCK in fate.checks for fate in found.fates.values())

    @property
    def nowhere(self) -> tuple[str, ...]:
        """Checks with rows that point at no schedule."""
        return self._found.nowhere

    def broken(self, ran: Ran) -> set[str]:
        """The checks of which some order of the schedule has a row."""
        by_key = {check for order in ran.orders for check in self._found.checks_of(order.order_key)}
        by_key |= {check for item in ran.items for check in self._found.products.get(item.product, ())}
        if not (self._told and self._is_broken):
            return by_key
        return (by_key - {DEADLOCK}) | ({DEADLOCK} if is_told_of_deadlock(ran) else set())


def is_told_of_deadlock(ran: Ran) -> bool:
    """Whether the server told one of the schedule's buyers that he was ended for it."""
    return any(end.code == DEADLOCK_DETECTED for end in ran.ends)


def doubt(explored: Sequence[Explored], told: dict[str, Any]) -> str | None:
    """Why nothing may be called a pass: schedules that go another way each time prove nothing. What broke, counts."""
    if told["failing"]:
        return None
    found = next((one.uncontrolled for one in explored if one.uncontrolled), None)
    return f"schedule {found} went another way when it was run again: something is not under control" if found else None


def told_of(stage: Stage, gates: Gates, explored: Sequence[Explored], found: Aftermath) -> dict[str, Any]:
    """Everything, for the facts; leaves a file for each schedule in ``failing``."""
    verdicts = _Verdicts(found, explored)
    spent_s = sum(one.spent_s for one in explored)
    schedules = sum(len(one.ran) - one.gathered for one in explored)
    return {
        "explored": schedules,
        "gathered": sum(one.gathered for one in explored),
        "infeasible": sum(one.infeasible for one in explored),
        "exhausted": bool(explored) and all(one.exhausted for one in explored),
        "bound": min((one.bound for one in explored), default=-1),
        "schedules_per_s": round(schedules / spent_s, 1) if spent_s else None,
        "stops": _stops(gates),
        "not_instrumented": [{"function": name, "reason": reason} for name, reason in gates.left_out.items()],
        "levels": [_level(level, explored, verdicts) for level in dict.fromkeys(one.isolation for one in explored)],
        "crowds": [_summary(one, verdicts) for one in explored],
        "failing": list(_failing(stage, gates, explored, verdicts)),
    }


def _stops(gates: Gates) -> str:
    where = []
    if gates.inside:
        functions = len({point.function for point in gates.points if point.function})
        where.append(f"before {sum(p.function is not None for p in gates.points)} statements of {functions} functions")
    if gates.triggers:
        where.append("around every write to the contract's tables")
    if gates.entry:
        where.append("before every call")
    return ", ".join(where) or "nowhere"


def _level(level: Isolation, explored: Sequence[Explored], verdicts: _Verdicts) -> dict[str, Any]:
    here = [one for one in explored if one.isolation == level]
    broken = sorted({check for one in here for ran in one.ran for check in verdicts.broken(ran)})
    if broken:
        verdict = f"broken: {', '.join(broken)}"
    elif verdicts.nowhere:
        verdict = f"{', '.join(verdicts.nowhere)} broken, and nothing says in which schedule"
    elif all(one.exhausted for one in here):
        verdict = "holds in every schedule"
    else:
        bound = min(one.bound for one in here)
        verdict = f"holds in every schedule with up to {bound} forced switches" if bound >= 0 else "not gone through"
    return {"isolation": level, "verdict": verdict, "schedules": sum(len(one.ran) for one in here)}


def _summary(one: Explored, verdicts: _Verdicts) -> dict[str, Any]:
    by_check: dict[str, int] = {}
    for ran in one.ran:
        for check in verdicts.broken(ran):
            by_check[check] = by_check.get(check, 0) + 1
    return {
        "crowd": one.crowd,
        "isolation": one.isolation,
        "buyers": one.buyers,
        "explored": len(one.ran) - one.gathered,
        "infeasible": one.infeasible,
        "redundant": one.redundant,
        "bound": one.bound,
        "exhausted": one.exhausted,
        "random": one.random,
        "depth": one.depth or None,
        "guaranteed": one.guaranteed,
        "violated": sum(bool(verdicts.broken(ran)) for ran in one.ran),
        "broken": by_check,
        "answers": dict(Counter(" / ".join(end.outcome.value for end in ran.ends) for ran in one.ran)),
        "gathered": one.gathered,
        "uncontrolled": one.uncontrolled,
        "seconds": round(one.spent_s, 3),
    }


def _failing(
    stage: Stage, gates: Gates, explored: Sequence[Explored], verdicts: _Verdicts
) -> Iterator[dict[str, Any]]:
    """Of each named crowd the first schedule that broke each check; of all drawn crowds, that of the smallest."""
    seen: dict[Isolation, set[str]] = {}
    drawn = sorted((one for one in explored if one.drawn), key=lambda one: spelled(one.crowd).size)
    for one in [*(one for one in explored if not one.drawn), *drawn]:
        broken = seen.setdefault(one.isolation, set()) if one.drawn else set()
        yield from _failures(stage, gates, one, verdicts, broken)


def _failures(
    stage: Stage, gates: Gates, one: Explored, verdicts: _Verdicts, seen: set[str]
) -> Iterator[dict[str, Any]]:
    """The first schedule that broke each check not ``seen`` yet: those with the fewest switches ran first."""
    for ran in one.ran:
        if broken := sorted(verdicts.broken(ran) - seen):
            seen |= set(broken)
            yield _failure(stage, gates, one, ran, broken)


def _failure(stage: Stage, gates: Gates, one: Explored, ran: Ran, checks: list[str]) -> dict[str, Any]:
    content = {
        "schema": SCHEDULE_SCHEMA,
        "contract": stage.contract.name,
        "crowd": one.crowd,
        "buyers": one.buyers,
        "isolation": one.isolation,
        "schedule": ran.gathering.name if ran.gathering else ",".join(map(str, ran.trace.choices)),
        "seed": stage.seed,
        "checks": checks,
        "preemptions": ran.trace.preemptions,
        "goods": goods_of(ran),
        "rows": rows_of(gates.points, ran, stage.contract.place.call_names),
        "answers": [answered(end) + (f", order {end.order_id}" if end.order_id else "") for end in ran.ends],
    }
    folder = stage.folder / SCHEDULES
    folder.mkdir(exist_ok=True)
    crowd = re.sub(r"\W+", "_", one.crowd)
    path = folder / f"{crowd}-{one.isolation.replace(' ', '_')}-{one.buyers}-{checks[0]}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return {
        **content, "order_keys": [order.order_key for order in ran.orders], "file": str(Path(SCHEDULES) / path.name),
        "number": ran.number,
    }  # fmt: skip


_OPERATIONS = {"restock": "restocks", "cancel": "cancels an order of", "release": "releases an order of"}


def goods_of(ran: Ran) -> list[str]:
    """What was on the shelf, and what each buyer wants, in words."""
    shelf = ", ".join(f"{item.units} of product {item.product}" for item in ran.items)
    wants = [" and ".join(f"{line.quantity} of {line.product}" for line in order.lines) for order in ran.orders]
    kinds = ran.operations
    same = len({order.order_key for order in ran.orders[len(kinds) :]}) < len(ran.orders) - len(kinds)
    return [
        f"in stock at first: {shelf}",
        *(f"buyer {n} {_OPERATIONS[kind]} {cart}" for n, (kind, cart) in enumerate(zip(kinds, wants, strict=False), 1)),
        *(f"buyer {n + len(kinds)} wants {cart}{', with the same order key' * same}"
          for n, cart in enumerate(wants[len(kinds) :], 1)),
    ]


def rows_of(points: Sequence[Point], ran: Ran, calls: Sequence[str]) -> list[dict[str, Any]]:
    """The schedule step by step: who was let go to do what, who then waited for whom, went on, or got his answer."""
    rows: list[dict[str, Any]] = []
    waited: frozenset[int] = frozenset()
    finished: frozenset[int] = frozenset()
    if ran.gathering is not None:
        return list(_gathered(ran, ran.gathering, calls))
    called = dict.fromkeys(range(1, len(ran.ends) + 1), 0)
    for step in ran.trace.steps:
        point = points[step.point] if step.point < len(points) else Point(step.point, "?")
        text = point.text
        if step.point == ENTRY:
            is_operation = step.buyer <= len(ran.operations)
            call = ran.operations[step.buyer - 1] if is_operation else calls[min(called[step.buyer], len(calls) - 1)]
            text = f"calls {call}"
            called[step.buyer] += 1
        rows.append({
            "buyer": step.buyer,
            "line": point.line,
            "text": text,
            "function": point.function,
            "waits": [{"buyer": w.buyer, "for": w.blockers, "what": w.what} for w in step.waits],
            "goes_on": sorted(waited - step.waiting - (step.finished - finished)),
            "answers": [_answer(buyer, ran, step.buyer) for buyer in sorted(step.finished - finished)],
        })  # fmt: skip
        waited, finished = step.waiting, step.finished
    return rows


def _gathered(ran: Ran, gathering: Gathering, calls: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All that is known where statements overlapped: who came when, and what each was told."""
    held = ran.items[gathering.held].product
    for number, buyer in enumerate(gathering.arrivals):
        is_last = number == len(gathering.arrivals) - 1
        yield {
            "buyer": buyer,
            "line": None,
            "text": f"calls {calls[0]}; product {held} is held" + ("; then all go on" if is_last else ""),
            "function": None,
            "waits": [],
            "goes_on": [],
            "answers": [_answer(b, ran, buyer) for b in gathering.arrivals] if is_last else [],
        }


def _answer(buyer: int, ran: Ran, by: int) -> dict[str, Any]:
    end = ran.ends[buyer - 1]
    message = (end.message or "").splitlines()
    return {
        "buyer": buyer,
        "outcome": end.outcome.value,
        "order_id": end.order_id,
        "code": end.code,
        "message": message[0] if message else None,
        "by": by,
    }
