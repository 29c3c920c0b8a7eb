"""The shop's log judged while buyers still order."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import duckdb

from doorbuster.drive import backstage
from doorbuster.engine.drill_journal import DrillJournal
from doorbuster.engine.shop import Shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.timeline import whole
from doorbuster.judge.live import LiveJudge
from doorbuster.judge.rows import LogNotUnderstood
from doorbuster.judge.views import BadMapping
from doorbuster.model.contract import Contract
from doorbuster.model.live import LiveState, LiveViolation
from doorbuster.model.scenario import Scenario
from doorbuster.record.live_log import SUFFIX, LiveLog

EVERY_S = 0.5
BUSY = 1000  # after a stretch of so many commits the next is read at once
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Shown(Protocol):
    """Whoever shows people how a load goes on."""

    def live(self, state: LiveState) -> None:
        """What the log says by now."""

    def stop(self) -> None:
        """The load is being ended."""


class LiveWatch:
    """Reads and judges the log again and again; :attr:`state` is the latest, ``on_state`` is told of each.

    Where a stretch cannot be judged it ends, and :attr:`problem` says why: the final judge decides as ever.
    """

    def __init__(
        self, shop: Shop, contract: Contract, folder: Path, on_state: Callable[[LiveState], None], *, operates: bool
    ) -> None:
        """``folder`` is an empty one for what is being read."""
        self._shop = shop
        self._folder = folder
        self._on_state = on_state
        self._log = LiveLog(shop.slot + SUFFIX, shop.tables, folder)
        self._judge = LiveJudge(contract, shop.tables, folder, operates=operates)
        self.state = LiveState()
        self.problem = shop.no_log

    async def run(self) -> None:
        """Watch until cancelled. A server that is killed on purpose is waited for."""
        try:
            while self.problem is None:
                with suppress(*_TROUBLE):
                    connection = await backstage.connect(self._shop.direct)
                    try:
                        await self._watch(connection)
                    finally:
                        connection.terminate()
                await asyncio.sleep(EVERY_S)
        except (LogNotUnderstood, BadMapping, duckdb.Error) as reason:
            self.problem = f"the log could not be judged while it was written: {str(reason).splitlines()[0]}"
        finally:
            self._judge.close()

    async def _watch(self, connection: asyncpg.Connection) -> None:
        await connection.execute("set timezone = 'UTC'")
        while True:
            raw = await self._log.read(connection)
            new = await whole(partial(self._log.parse, raw))
            if new:
                self.state = await whole(partial(self._judge.take, self._folder, self._log.read_before))
                self._on_state(self.state)
            await self._log.move_on(connection)
            await asyncio.sleep(0 if new > BUSY else EVERY_S)


@asynccontextmanager
async def watching(
    stage: Stage, shop: Shop, journal: DrillJournal, known: dict[str, Any], shown: Shown, end: Callable[[], None]
) -> AsyncIterator[None]:  # fmt: skip
    """Judge the shop live for the length of the block, if the stage's options wish it; what was seen goes to ``known``.

    ``shown`` is given each state, and told when ``end`` is called: at the first violation, where that is wished.
    """
    if not stage.options.is_live:
        yield
        return
    seen: list[LiveViolation] = []

    def on_state(state: LiveState) -> None:
        shown.live(state)
        if state.first is not None and not seen:
            seen.append(state.first)
            journal.write("violation", state.first.told)
            if stage.options.stop_on_violation:
                known["stopped"] = state.first.told
                journal.write("load", "is ended at the first violation")
                shown.stop()
                end()

    folder = stage.house.scratch / f"{shop.slot}{SUFFIX}"
    folder.mkdir()
    watch = LiveWatch(shop, stage.contract, folder, on_state, operates=_operates(stage.scenario))
    task = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        known["live"] = {**asdict(watch.state), "problem": watch.problem}
        shutil.rmtree(folder, ignore_errors=True)


def _operates(scenario: Scenario) -> bool:
    return scenario.workload is not None and any(scenario.workload.operations.values())
