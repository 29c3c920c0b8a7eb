"""Faults on their schedule, each healed on every way out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from doorbuster.model.fault import FaultPlan, FaultWindow
from doorbuster.network.adapter import Proxy
from doorbuster.network.faults import Fault, applied, make_fault
from doorbuster.record.journal import Journal


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch in which a fault is to be on, in seconds from the release of the buyers."""

    plan: FaultPlan
    start_s: float
    end_s: float
    pulse: int = 0


def stretches(plans: Sequence[FaultPlan]) -> list[Stretch]:
    """All stretches, by their start: one a fault, or one a pulse."""
    return sorted((s for plan in plans for s in _stretches(plan)), key=lambda s: s.start_s)


def _stretches(plan: FaultPlan) -> Iterator[Stretch]:
    end_s = plan.start_s + plan.duration_s
    if plan.pulse_s is None or plan.every_s is None:
        yield Stretch(plan, plan.start_s, end_s)
        return
    for number in count():
        start_s = plan.start_s + number * plan.every_s
        if start_s >= end_s:
            return
        yield Stretch(plan, start_s, min(end_s, start_s + plan.pulse_s), number)


class Timeline:
    """Plays a scenario's faults on ``proxy``, and writes down when each was on."""

    def __init__(self, plans: Sequence[FaultPlan], proxy: Proxy, folder: Path, on_change: Callable[[], None]) -> None:
        self._plans = plans
        self._proxy = proxy
        self._folder = folder
        self._on_change = on_change
        self._active: list[str] = []

    @property
    def active(self) -> str | None:
        """The fault that is on now; of several, the last to start."""
        return self._active[-1] if self._active else None

    @asynccontextmanager
    async def armed(self) -> AsyncIterator[None]:
        """What must stand before buyers connect; enter before the first connection."""
        faults = [make_fault(plan.kind, plan.parameters) for plan in self._plans]
        with ExitStack() as stack:
            await asyncio.to_thread(lambda: [stack.enter_context(f.armed(self._proxy)) for f in faults])
            yield

    async def play(self, start_us: int) -> None:
        """Play all faults; ``start_us`` is the release of the buyers on the wall clock."""
        with Journal(self._folder, "fault_windows") as journal:
            async with asyncio.TaskGroup() as group:
                for stretch in stretches(self._plans):
                    group.create_task(self._play(stretch, start_us, journal))

    async def _play(self, stretch: Stretch, start_us: int, journal: Journal) -> None:
        await _sleep_until(start_us, stretch.start_s)
        plan = stretch.plan
        fault = make_fault(plan.kind, plan.parameters).pulse(stretch.pulse)
        applied_us = time.time_ns() // 1000
        self._active.append(plan.label)
        self._on_change()
        try:
            await _hold(fault, self._proxy, start_us, stretch.end_s)
        finally:
            self._active.remove(plan.label)
            window = FaultWindow(plan.label, plan.kind, applied_us, time.time_ns() // 1000)
            journal.append([window.name, window.kind, window.applied_us, window.healed_us])
            journal.flush()
            self._on_change()


async def _hold(fault: Fault, proxy: Proxy, start_us: int, end_s: float) -> None:
    with ExitStack() as stack:
        # The calls to Toxiproxy take milliseconds, but seconds where it hangs: never in the loop's own thread.
        await asyncio.to_thread(stack.enter_context, applied(fault, proxy))
        try:
            await _sleep_until(start_us, end_s)
        finally:
            await asyncio.shield(asyncio.to_thread(stack.close))


async def _sleep_until(start_us: int, at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - (time.time_ns() // 1000 - start_us) / 1e6))
