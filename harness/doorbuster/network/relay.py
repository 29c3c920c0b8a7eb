"""A relay of our own between a buyer and the server, on loopback: it records every byte, and can hold some back.

For what Toxiproxy cannot do: tell which bytes passed, and stall a conversation at an exact byte.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from doorbuster.network.wire import Direction

HOST = "127.0.0.1"
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Hold:
    """After ``at_byte`` more bytes of ``direction`` the rest waits for ``for_s`` seconds, then passes.

    ``held`` is set when the rest has come: for the way down, the server has answered; ``passed`` when it is let go.
    """

    direction: Direction
    at_byte: int
    for_s: float
    held: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    passed: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Relay:
    """What passes through it; ``port`` is where it listens. One connection at a time is recorded."""

    def __init__(self) -> None:
        self.port = 0
        self.up = bytearray()
        self.down = bytearray()
        self._hold: Hold | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    def forget(self) -> None:
        """Forget what was recorded, so that what follows is a conversation of its own."""
        self.up.clear()
        self.down.clear()

    def hold(self, hold: Hold) -> None:
        """Hold back once, counting from here."""
        self.forget()
        self._hold = hold

    async def let_go(self, hold: Hold) -> None:
        """Wait until what ``hold`` held back has passed; nothing is held back from now on."""
        self._hold = None
        if hold.held.is_set():
            await hold.passed.wait()

    async def drained(self) -> None:
        """Wait until everything that was held back has passed, and every connection is over."""
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def connect(self, *ends: tuple[Direction, asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Pass data on between two ends of a connection, each way, from now on."""
        self._pumps |= {asyncio.create_task(self._pump(*end)) for end in ends}

    async def close(self) -> None:
        """Break off every connection."""
        for task in self._pumps:
            task.cancel()
        await self.drained()

    async def _pump(
        self, direction: Direction, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        """Pass ``source`` on to ``target`` until it ends; the end is passed on, too."""
        record = self.up if direction == "up" else self.down
        try:
            while data := await source.read(CHUNK_BYTES):
                before = len(record)
                record += data
                await self._pass_on(direction, before, data, target)
        except OSError:
            pass  # one end is gone; the other learns it from the close
        finally:
            target.close()

    async def _pass_on(self, direction: Direction, before: int, data: bytes, target: asyncio.StreamWriter) -> None:
        hold = self._hold
        if hold is not None and hold.direction == direction and before + len(data) > hold.at_byte:
            at = max(0, hold.at_byte - before)
            self._hold = None
            target.write(data[:at])
            hold.held.set()
            await asyncio.sleep(hold.for_s)
            hold.passed.set()
            data = data[at:]
        target.write(data)
        await target.drain()


@asynccontextmanager
async def relay(host: str, port: int) -> AsyncIterator[Relay]:
    """A relay to ``host``:``port`` for the length of the block; its connections are gone afterwards."""
    found = Relay()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        found.connect(("up", reader, up_writer), ("down", up_reader, writer))

    server = await asyncio.start_server(serve, HOST, 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await found.close()
