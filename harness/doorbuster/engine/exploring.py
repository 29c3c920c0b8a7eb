"""Exploring one crowd: few forced switches first, then everything, then at random; and each kind once more."""

import time
from collections.abc import Iterator
from random import Random
from typing import Any

from doorbuster.drive.interleave.crowds import shape
from doorbuster.drive.interleave.driver import Interleaver, Ran
from doorbuster.drive.interleave.explore import (
    FewSwitches,
    Gathering,
    SleepSets,
    Wanted,
    gatherings,
    guarantee,
    parse_schedule,
    random_schedules,
)
from doorbuster.engine.schedules import Explored
from doorbuster.engine.stage import Stage
from doorbuster.model.crowd import Shape
from doorbuster.model.events import Progress
from doorbuster.model.interleave import Interleave

_PROGRESS_S = 0.2


async def explore_crowd(stage: Stage, driver: Interleaver, one: Explored, wanted: Interleave, phase: str) -> None:
    """Run schedules of ``one`` as ``wanted`` says, and note in it what was gone through."""
    runner = _Runner(stage, driver, one, wanted, phase)
    if wanted.only is not None:
        only = parse_schedule(wanted.only)
        for _ in range(wanted.times):
            await (runner.gather(only) if isinstance(only, Gathering) else runner.run(only))
        return
    await runner.by_switches()
    await runner.exhaust()
    if not one.exhausted:
        await runner.at_random()
    await runner.repeat()
    await runner.gather_all()


class _Runner:
    def __init__(self, stage: Stage, driver: Interleaver, one: Explored, wanted: Interleave, phase: str) -> None:
        self._stage, self._driver, self._one, self._wanted, self._phase = stage, driver, one, wanted, phase
        self._shape: Shape = shape(one.crowd, one.buyers)
        self._until = None if wanted.within_s is None else time.monotonic() + wanted.within_s
        self._last_told = 0.0

    async def run(self, what: Wanted) -> Ran:
        """Run one schedule."""
        ran = await self._driver.run(self._shape, what, self._phase)
        self._one.infeasible += ran.trace.problem is not None
        return self._noted(ran)

    async def gather(self, gathering: Gathering) -> None:
        """Let everybody gather behind a held row once."""
        ran = await self._driver.gather(self._shape, gathering, self._phase)
        self._one.gathered += 1
        self._noted(ran)

    def _noted(self, ran: Ran) -> Ran:
        one, driver = self._one, self._driver
        one.ran.append(ran)
        if time.monotonic() - self._last_told > _PROGRESS_S:
            self._last_told = time.monotonic()
            most = self._wanted.most + self._wanted.exhaust + self._wanted.random
            self._stage.emit(
                Progress(self._stage.scenario.name, len(one.ran), most, dict(driver.outcomes), one.crowd)
            )
        return ran

    def _turns(self, most: int) -> Iterator[int]:
        for turn in range(most):
            if self._until is not None and time.monotonic() > self._until:
                return
            yield turn

    async def by_switches(self) -> None:
        """All schedules with few forced switches, the fewest first."""
        few, one = FewSwitches(self._wanted.preemptions), self._one
        for _ in self._turns(self._wanted.most):
            following = few.next()
            if following is None:
                break
            ran = await self.run(following)
            if ran.trace.problem is None:
                one.bound = max(one.bound, ran.trace.preemptions - 1)
                few.learn(following, ran.trace)
        if few.next() is None and not one.infeasible:
            one.bound = self._wanted.preemptions

    async def exhaust(self) -> None:
        """All schedules that can lead elsewhere, by sleep sets."""
        every, one = SleepSets(reduced=self._wanted.reduced), self._one
        for _ in self._turns(self._wanted.exhaust):
            following = every.next()
            if following is None:
                break
            ran = await self.run(following)
            if ran.trace.problem is not None:
                return  # not everything was gone through, and it does not say so
            every.learn(following, ran.trace)
        one.exhausted = every.next() is None
        one.redundant = every.redundant

    async def at_random(self) -> None:
        """Schedules drawn with PCT, and the probability that they guarantee."""
        one, wanted = self._one, self._wanted
        steps = max((len(ran.trace.steps) for ran in one.ran), default=0)
        drawn = random_schedules(one.buyers, steps, wanted.depth, Random(f"{self._stage.seed} {one.crowd}"))
        for _ in self._turns(wanted.random):
            ran = await self.run(next(drawn))
            one.random += ran.trace.problem is None
        if one.random:
            one.depth = wanted.depth
            one.guaranteed = guarantee(one.buyers, steps, wanted.depth, one.random)

    async def gather_all(self) -> None:
        """Overlap inside statements: behind every row that can be held, in every order of arrival."""
        if self._shape.operations:
            return  # who gathers, orders
        every = gatherings(len(self._shape.stock), self._one.buyers)
        for turn in self._turns(len(every) * self._wanted.overlaps):
            await self.gather(every[turn % len(every)])

    async def repeat(self) -> None:
        """The same schedule must go the same way: the last of each number of switches once more."""
        by_switches = {ran.trace.preemptions: ran for ran in self._one.ran if ran.trace.problem is None}
        for first in by_switches.values():
            again = await self.run(Wanted(first.trace.choices))
            if _course(again) != _course(first):
                self._one.uncontrolled = f"{self._one.crowd} {','.join(map(str, first.trace.choices))}"


def _course(ran: Ran) -> tuple[Any, ...]:
    return (
        tuple((step.buyer, step.point, step.waiting) for step in ran.trace.steps),
        tuple(end.outcome for end in ran.ends),
    )
