"""One interleave scenario: every order of the statements inside the function, from shelves to recorded tables."""

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import StatementFailed
from doorbuster.drive.history import History, answered
from doorbuster.drive.interleave.crowds import shape
from doorbuster.drive.interleave.driver import Interleaver, Ran
from doorbuster.drive.interleave.explore import FewSwitches, SleepSets, Wanted
from doorbuster.drive.interleave.gates import SCHEMA, Point, install, tell_relations
from doorbuster.engine.aftermath import aftermath
from doorbuster.engine.errors import UsageError
from doorbuster.engine.shop import Shop, open_shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.instrument.footprint import NOTHING, OPAQUE, Does, Footprint
from doorbuster.instrument.yields import Yields, read_yields
from doorbuster.model.events import Judging, Progress
from doorbuster.model.interleave import Crowding, Interleave, Isolation
from doorbuster.model.outcome import Outcome
from doorbuster.record.seal import seal_journals

FIRST_PRODUCT = 1
PRODUCTS_A_CROWD = 100_000
PHASE = "schedules"
SCHEDULES = "schedules"
SCHEDULE_SCHEMA = "doorbuster.schedule/1"
_PROGRESS_S = 0.2


@dataclass(slots=True)
class Explored:
    """What one crowd went through at one isolation level.

    ``bound``: every schedule with up to so many forced switches was run (-1: not even all without one); ``exhausted``:
    every schedule that can lead elsewhere was. ``uncontrolled`` says which schedule went another way the second time.
    """

    crowd: Crowding
    isolation: Isolation
    buyers: int
    ran: list[Ran] = field(default_factory=list)
    infeasible: int = 0
    redundant: int = 0
    bound: int = -1
    exhausted: bool = False
    uncontrolled: str | None = None
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Gates:
    points: tuple[Point, ...]
    inside: bool
    entry: bool
    strides: bool
    left_out: dict[str, str]


async def run_interleave(stage: Stage) -> None:
    """Drive a scenario of kind ``interleave`` and leave its recorded tables in the stage's folder.

    Raises:
        UsageError: an answer or a statement that the contract does not fit; HarnessError: the harness failed.
    """
    house, contract, wanted = stage.house, stage.contract, stage.scenario.interleave or Interleave()
    name = "shop_" + re.sub(r"\W", "_", stage.scenario.name.lower())[:40]
    started = time.monotonic()
    async with open_shop(house.server, house.template, name, contract, []) as shop:
        with facts(stage.folder, stage.seed) as known, History(stage.folder) as history:
            known["start_us"] = time.time_ns() // 1000
            explored: list[Explored] = []
            gates = _Gates((), False, True, False, {})
            try:
                gates = await _install(shop, wanted.isolation)
                await _explore(stage, shop, wanted, gates, history, explored)
            except UnmatchedAnswer as problem:
                raise UsageError(f"{contract.name}: {problem}; add a rule for it") from None
            except StatementFailed as problem:
                raise UsageError(str(problem)) from None
            finally:
                history.close()
                stage.emit(Judging(stage.scenario.name))
                known["unobservable"] = await shop.close_and_read(stage.folder)
                seal_journals(stage.folder)
                known["schedules"] = _told(stage, gates, explored)
                known["unobservable"] = known["unobservable"] or _doubt(explored, known["schedules"])
            known["duration_s"] = time.monotonic() - started


async def _install(shop: Shop, isolation: Sequence[Isolation]) -> _Gates:
    functions, left_out = await read_yields(shop.connection, SCHEMA)
    points = await install(shop.connection, functions, shop.tables, triggers=not functions)
    footprints = _footprints(functions, points)
    await tell_relations(shop.connection, footprints, isolation)
    return _Gates(
        points, bool(functions), any(not one.entry.is_nothing for one in functions),
        not any(one.opaque or Does.ENDS in does for one in footprints for does in ((), *one.tables.values())), left_out,
    )


def _footprints(functions: Sequence[Yields], points: Sequence[Point]) -> list[Footprint]:
    """Of every point, in order. The place before a call is followed by what all functions do first; where calls are no
    functions of ours, by anything."""
    if not functions:
        return [OPAQUE] * len(points)
    before = NOTHING
    for one in functions:
        before |= one.entry
    return [before, *(f for one in functions for f in one.footprints)]


async def _explore(
    stage: Stage, shop: Shop, wanted: Interleave, gates: _Gates, history: History, explored: list[Explored]
) -> None:
    several = len(stage.contract.place.call_names) > 1
    retries = Outcome.UNKNOWN in stage.contract.buyer.retry
    crowds = [c for c in wanted.crowds if retries or not shape(c, wanted.buyers).shares_key]
    product = FIRST_PRODUCT
    outcomes: Counter[str] = Counter()
    for isolation in wanted.isolation:
        for crowd in crowds:
            one = Explored(crowd, isolation, wanted.buyers)
            explored.append(one)
            # Inside a function, the first statement that touches anything has a gate of its own. Otherwise, and where
            # the call itself takes the snapshot, the call is a step.
            entry_gate = several or not gates.inside or gates.entry or isolation != "read committed"
            driver = Interleaver(
                stage.contract, shop.direct, wanted.buyers, isolation, history, f"{stage.seed} {crowd} {isolation}",
                entry_gate=entry_gate, strides=gates.strides, first_product=product,
            )  # fmt: skip
            product += PRODUCTS_A_CROWD
            began = time.monotonic()
            driver.outcomes = outcomes
            async with driver.open():
                await _one_crowd(stage, driver, one, wanted, gates)
            one.spent_s = time.monotonic() - began


async def _one_crowd(
    stage: Stage, driver: Interleaver, one: Explored, wanted: Interleave, gates: _Gates
) -> None:
    last_told = 0.0

    async def run(what: Wanted) -> Ran:
        nonlocal last_told
        ran = await driver.run(shape(one.crowd, one.buyers), what, PHASE)
        one.ran.append(ran)
        one.infeasible += ran.trace.problem is not None
        if time.monotonic() - last_told > _PROGRESS_S:
            last_told = time.monotonic()
            most = wanted.most + wanted.exhaust
            stage.emit(Progress(stage.scenario.name, len(one.ran), most, dict(driver.outcomes), one.crowd))
        return ran

    if wanted.only is not None:
        choices = tuple(int(part) for part in wanted.only.split(","))
        for _ in range(wanted.times):
            await run(Wanted(choices))
        return
    await _by_switches(run, one, wanted)
    await _exhaust(run, one, wanted, gates)
    await _repeat(run, one)


async def _by_switches(run: Any, one: Explored, wanted: Interleave) -> None:
    """All schedules with few forced switches, the fewest first."""
    few = FewSwitches(wanted.preemptions)
    while len(one.ran) < wanted.most:
        following = few.next()
        if following is None:
            one.bound = wanted.preemptions
            return
        ran = await run(following)
        if ran.trace.problem is None:
            one.bound = max(one.bound, ran.trace.preemptions - 1)
            few.learn(following, ran.trace)


async def _exhaust(run: Any, one: Explored, wanted: Interleave, gates: _Gates) -> None:
    """All schedules that can lead elsewhere, by sleep sets."""
    every = SleepSets()
    for _ in range(wanted.exhaust):
        following = every.next()
        if following is None:
            break
        ran = await run(following)
        if ran.trace.problem is not None:
            return  # not everything was gone through, and it does not say so
        every.learn(following, ran.trace)
    one.exhausted = every.next() is None
    one.redundant = every.redundant


async def _repeat(run: Any, one: Explored) -> None:
    """The same schedule must go the same way: the last of each number of switches once more."""
    by_switches = {ran.trace.preemptions: ran for ran in one.ran if ran.trace.problem is None}
    for first in by_switches.values():
        again = await run(Wanted(first.trace.choices))
        if _course(again) != _course(first):
            one.uncontrolled = f"{one.crowd} {','.join(map(str, first.trace.choices))}"


def _course(ran: Ran) -> tuple[Any, ...]:
    return (
        tuple((step.buyer, step.point, step.waiting) for step in ran.trace.steps),
        tuple(end.outcome for end in ran.ends),
    )


def _doubt(explored: Sequence[Explored], told: dict[str, Any]) -> str | None:
    """Why nothing may be called a pass: schedules that go another way each time prove nothing. What broke, counts."""
    if told["failing"]:
        return None
    found = next((one.uncontrolled for one in explored if one.uncontrolled), None)
    return f"schedule {found} went another way when it was run again: something is not under control" if found else None


def _told(stage: Stage, gates: _Gates, explored: Sequence[Explored]) -> dict[str, Any]:
    found = aftermath(stage.folder, stage.contract, "", checks=True)
    failing: list[dict[str, Any]] = []
    for one in explored:
        seen: set[str] = set()
        for ran in one.ran:  # in the order in which they ran: the first has the fewest switches
            broken = sorted({c for order in ran.orders for c in found.checks_of(order.order_key)} - seen)
            if broken:
                seen |= set(broken)
                failing.append(_failure(stage, gates, one, ran, broken))
    crowds = [_summary(one, found.broken_keys) for one in explored]
    return {
        "explored": sum(len(one.ran) for one in explored),
        "infeasible": sum(one.infeasible for one in explored),
        "exhausted": all(one.exhausted for one in explored),
        "bound": min((one.bound for one in explored), default=-1),
        "schedules_per_s": _rate(explored),
        "inside_functions": gates.inside,
        "left_out": gates.left_out,
        "crowds": crowds,
        "failing": failing,
    }


def _rate(explored: Sequence[Explored]) -> float | None:
    spent_s = sum(one.spent_s for one in explored)
    return round(sum(len(one.ran) for one in explored) / spent_s, 1) if spent_s else None


def _summary(one: Explored, broken: frozenset[str]) -> dict[str, Any]:
    return {
        "crowd": one.crowd,
        "isolation": one.isolation,
        "buyers": one.buyers,
        "explored": len(one.ran),
        "infeasible": one.infeasible,
        "redundant": one.redundant,
        "bound": one.bound,
        "exhausted": one.exhausted,
        "violated": sum(any(order.order_key in broken for order in ran.orders) for ran in one.ran),
        "uncontrolled": one.uncontrolled,
    }


def _failure(stage: Stage, gates: _Gates, one: Explored, ran: Ran, checks: list[str]) -> dict[str, Any]:
    choices = ",".join(map(str, ran.trace.choices))
    folder = stage.folder / SCHEDULES
    folder.mkdir(exist_ok=True)
    path = folder / f"{one.crowd}-{one.isolation.replace(' ', '_')}-{ran.number}.json"
    content = {
        "schema": SCHEDULE_SCHEMA, "contract": stage.contract.name, "crowd": one.crowd, "buyers": one.buyers,
        "isolation": one.isolation, "schedule": choices, "seed": stage.seed, "checks": checks,
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1) + "\n")
    return {
        "crowd": one.crowd,
        "isolation": one.isolation,
        "buyers": one.buyers,
        "checks": checks,
        "preemptions": ran.trace.preemptions,
        "schedule": choices,
        "file": str(Path(SCHEDULES) / path.name),
        "rows": _rows(gates.points, ran),
        "answers": [answered(end) + (f" {end.order_id}" if end.order_id else "") for end in ran.ends],
        "order_keys": [order.order_key for order in ran.orders],
    }


def _rows(points: Sequence[Point], ran: Ran) -> list[dict[str, Any]]:
    """The schedule step by step: who was let go from where, and who waited for whom afterwards."""
    rows: list[dict[str, Any]] = []
    before: frozenset[int] = frozenset()
    steps = ran.trace.steps
    for step, following in pairwise((*steps, None)):
        assert step is not None
        rows.append({
            "buyer": step.buyer,
            "statement": points[step.point].words if step.point < len(points) else "?",
            "function": points[step.point].function if step.point < len(points) else None,
            "waits": sorted(step.waiting - before),
            "goes_on": sorted(before - step.waiting),
            "last": following is None or all(s.buyer != step.buyer for s in steps[len(rows) + 1 :]),
        })  # fmt: skip
        before = step.waiting
    return rows
