"""A timer that is finer than an event loop's own."""

import asyncio
import time

from doorbuster.host.alarm import Alarm


async def test_it_rings_once_at_its_instant_and_never_before() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    instants: list[float] = []

    def ring() -> None:
        instants.append(time.monotonic())
        rung.set()

    with Alarm(loop, ring) as alarm:
        for wanted in (time.monotonic() + 0.0123, time.monotonic() - 5):
            rung.clear()
            alarm.set(wanted)
            await asyncio.wait_for(rung.wait(), 10)
            assert instants[-1] >= wanted
        await asyncio.sleep(0.02)
    assert len(instants) == 2


async def test_a_later_setting_voids_the_earlier_and_closing_both() -> None:
    rung: list[float] = []
    with Alarm(asyncio.get_running_loop(), lambda: rung.append(time.monotonic())) as alarm:
        alarm.set(time.monotonic() + 0.005)
        alarm.set(time.monotonic() + 3600)
        await asyncio.sleep(0.02)
    assert rung == []
