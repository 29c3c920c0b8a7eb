"""Reads the log beside the load where there is much of it, so that the slot holds back a bounded amount of it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg

from doorbuster.drive import backstage
from doorbuster.drive.sql_buyer import Target
from doorbuster.postgres.connect import TROUBLE
from doorbuster.record.catalogue import Table
from doorbuster.record.wal import CHUNK_ROWS, LogReader

EVERY_S = 0.5
# Below this the log is left alone until the end, so that a run of ordinary size is not disturbed by its own witness.
HELD_BYTES = 64 << 20


class LogKeeper:
    """The log of one shop, read at the end, and before that whenever the slot holds back more than ``held_bytes``."""

    def __init__(
        self, slot: str, tables: Sequence[Table], target: Target, held_bytes: int = HELD_BYTES,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:  # fmt: skip
        self._slot = slot
        self._tables = tables
        self._target = target
        self._held_bytes = held_bytes
        self._chunk_rows = chunk_rows
        self._reader: LogReader | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.chunks = 0

    def follow(self, folder: Path) -> None:
        """Begin to look after the log; what is read goes to ``folder``."""
        self._reader = LogReader(self._slot, self._tables, folder)
        self._task = asyncio.create_task(self._keep(self._reader))

    async def stop(self) -> None:
        """End after the chunk that is being read: one that is half read would be read again, and its file be lost."""
        task, self._task = self._task, None
        if task is not None:
            self._stopping.set()
            await task

    async def finish(self, connection: asyncpg.Connection, folder: Path) -> None:
        """Read the rest into ``folder``.

        Raises:
            Unobservable: the log could not be read whole; asyncpg.PostgresError, OSError: the server is gone.
        """
        await self.stop()
        reader = self._reader or LogReader(self._slot, self._tables, folder)
        await reader.finish(connection, self._chunk_rows)

    async def _keep(self, reader: LogReader) -> None:
        """Look again and again, over a connection that is made anew where the server was killed on purpose."""
        while not self._stopping.is_set():
            with suppress(*TROUBLE):
                connection = await backstage.connect(self._target)
                try:
                    await self._look(reader, connection)
                finally:
                    connection.terminate()
            await self._pause()

    async def _look(self, reader: LogReader, connection: asyncpg.Connection) -> None:
        while not self._stopping.is_set():
            while await reader.held_bytes(connection) > self._held_bytes and not self._stopping.is_set():
                if not await reader.read_chunk(connection, self._chunk_rows):
                    break
                self.chunks += 1
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), EVERY_S)
