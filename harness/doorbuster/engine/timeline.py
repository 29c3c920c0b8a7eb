"""Faults on their schedule, each healed on every way out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

from doorbuster.engine.drill_journal import DrillJournal
from doorbuster.engine.faults import fault_of, target_of
from doorbuster.engine.guarded import GuardedFault
from doorbuster.faults import CannotBreak, Site, SiteFault
from doorbuster.host.clock import now_us
from doorbuster.model.fault import FaultPlan, FaultWindow
from doorbuster.network.adapter import Proxy
from doorbuster.network.faults import Fault, applied
from doorbuster.record.journal import Journal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch in which a fault is to be on, in seconds from the release of the buyers.

    Where it takes time to act, as on a busy machine, it goes on for as long after its end, up to ``latest_s``.
    """

    plan: FaultPlan
    start_s: float
    end_s: float
    pulse: int = 0
    latest_s: float = 0.0

    def until_s(self, acts_s: float) -> float:
        """When it is to end, if it acts from ``acts_s`` on."""
        return max(self.end_s, min(acts_s + self.end_s - self.start_s, self.latest_s))


def stretches(plan: FaultPlan, plans: Sequence[FaultPlan]) -> Iterator[Stretch]:
    """The stretches of one of ``plans``: one, or one a pulse."""
    end_s = plan.start_s + plan.duration_s
    if plan.pulse_s is None or plan.every_s is None:
        following = (other.start_s for other in plans if other.start_s >= end_s)
        yield Stretch(plan, plan.start_s, end_s, latest_s=min(following, default=end_s + plan.duration_s))
        return
    for number in count():
        start_s = plan.start_s + number * plan.every_s
        if start_s >= end_s:
            return
        yield Stretch(plan, start_s, min(end_s, start_s + plan.pulse_s), number)


@dataclass(frozen=True, slots=True)
class Targets:
    """What faults strike: ``links`` by name, of which ``ordering`` is the one that buyers order over; the ``site``.

    ``impossible`` says of a fault, by its label, why it cannot be had here.
    """

    links: Mapping[str, Proxy]
    site: Site
    ordering: str = "database"
    impossible: Mapping[str, str] = field(default_factory=dict)

    def acting(self, plan: FaultPlan, fault: Fault | SiteFault) -> AbstractContextManager[None]:
        """The guard that has the fault act on what the plan names.

        Raises:
            CannotBreak: not here.
        """
        if plan.label in self.impossible:
            raise CannotBreak(self.impossible[plan.label])
        return fault.applied(self.site) if isinstance(fault, SiteFault) else applied(fault, self.link(plan))

    def link(self, plan: FaultPlan) -> Proxy:
        """The proxy that a fault of the network acts on."""
        return self.links[plan.target or self.ordering]


class Timeline:
    """Plays a scenario's faults on their ``targets``, and writes down when each was on."""

    def __init__(
        self, plans: Sequence[FaultPlan], targets: Targets, folder: Path, journal: DrillJournal,
        on_change: Callable[[], None],
    ) -> None:  # fmt: skip
        self._plans = plans
        self._targets = targets
        self._folder = folder
        self._journal = journal
        self._on_change = on_change
        self._active: list[str] = []

    @property
    def active(self) -> str | None:
        """The fault that is on now; of several, the last to start."""
        return self._active[-1] if self._active else None

    @asynccontextmanager
    async def armed(self) -> AsyncIterator[None]:
        """What must stand before buyers connect; enter before the first connection."""
        pairs = [(fault_of(plan), plan) for plan in self._plans]
        with ExitStack() as stack:
            network = [(fault, self._targets.link(plan)) for fault, plan in pairs if isinstance(fault, Fault)]
            await asyncio.to_thread(lambda: [stack.enter_context(f.armed(proxy)) for f, proxy in network])
            yield

    async def play(self, start_us: int) -> None:
        """Play all faults; ``start_us`` is the release of the buyers on the wall clock."""
        with Journal(self._folder, "fault_windows") as windows:
            async with asyncio.TaskGroup() as group:
                for plan in self._plans:
                    group.create_task(self._play_all(plan, start_us, windows))

    async def _play_all(self, plan: FaultPlan, start_us: int, windows: Journal) -> None:
        """One pulse after the other: where a busy machine heals one late, the next waits for it, or is missed."""
        for stretch in stretches(plan, self._plans):
            await _sleep_until(start_us, stretch.start_s)
            if stretch.pulse == 0 or (now_us() - start_us) / 1e6 < stretch.end_s:
                await self._play(stretch, start_us, windows)

    async def _play(self, stretch: Stretch, start_us: int, windows: Journal) -> None:
        plan = stretch.plan
        fault = fault_of(plan).pulse(stretch.pulse)
        applied_us = now_us()
        try:
            guarded = GuardedFault(self._targets.acting(plan, fault), lambda: self._note(plan, "watchdog", _LATE))
            try:
                # Toxiproxy and the server answer in milliseconds, but in seconds where one hangs: not in this thread.
                await whole(lambda: guarded.apply(stretch.end_s - stretch.start_s))
                acts_s = (now_us() - start_us) / 1e6
                self._begin(plan, fault, applied_us)
                await _sleep_until(start_us, stretch.until_s(acts_s))
            finally:
                await whole(guarded.heal)
                if guarded.acted:
                    self._end(plan, applied_us, guarded.healed_us or now_us(), windows)
        except CannotBreak as reason:
            self._note(plan, "unavailable", str(reason))

    def _begin(self, plan: FaultPlan, fault: Fault | SiteFault, applied_us: int) -> None:
        self._note(plan, "applied", fault.describe(), applied_us)
        self._active.append(plan.label)
        self._on_change()

    def _end(self, plan: FaultPlan, applied_us: int, healed_us: int, windows: Journal) -> None:
        window = FaultWindow(plan.label, plan.kind, applied_us, healed_us)
        windows.append([window.name, window.kind, window.applied_us, window.healed_us])
        windows.flush()
        self._note(plan, "healed", f"it acted for {(healed_us - applied_us) / 1e6:.2f} s", healed_us)
        if plan.label in self._active:
            self._active.remove(plan.label)
        self._on_change()

    def _note(self, plan: FaultPlan, what: str, text: str, at_us: int | None = None) -> None:
        target = target_of(plan, self._targets.ordering)
        self._journal.write(what, text, plan.label, plan.kind, target, at_us)


_LATE = "the watchdog healed it, as the harness did not come round to it in time"


async def whole(work: Callable[[], T]) -> T:
    """Run blocking ``work`` in a thread, to its end also where the caller is cancelled: no fault is half healed."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise


async def _sleep_until(start_us: int, at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - (now_us() - start_us) / 1e6))
