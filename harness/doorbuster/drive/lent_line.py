"""The line of a connection that asyncpg has opened, lent to somebody who reads and writes it himself, at once."""

import asyncio
import os
from collections.abc import Callable

import asyncpg

READ_BYTES = 16_384


class LentConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose line can be lent."""

    def line(self) -> asyncio.Transport:
        """The transport under it."""
        transport: asyncio.Transport = self._transport
        return transport


class LentLine:
    """The line of ``connection``. It is asyncpg's until :meth:`take`, and again from :meth:`give_back` on.

    ``on_data`` is told what comes in, ``on_end`` that the line has ended: with an error, or in good order.
    """

    def __init__(
        self, connection: LentConnection, on_data: Callable[[bytes], None], on_end: Callable[[OSError | None], None]
    ) -> None:
        self._connection = connection
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._unsent = b""

    @property
    def is_taken(self) -> bool:
        """Whether it is lent now."""
        return self._descriptor is not None

    def take(self) -> None:
        """Have what comes in from now on. Nothing may be under way.

        Raises:
            OSError: it is ending, or this process has as many files open as it may.
        """
        line = self._connection.line()
        if line.is_closing():
            raise ConnectionAbortedError
        # The loop watches no descriptor that is a transport's.
        self._descriptor = os.dup(line.get_extra_info("socket").fileno())
        line.pause_reading()
        self._loop.add_reader(self._descriptor, self._read)

    def give_back(self) -> None:
        """Let asyncpg have what comes in. Nothing may be under way."""
        if self.is_taken:
            self.drop()
            line = self._connection.line()
            if not line.is_closing():
                line.resume_reading()

    def drop(self) -> None:
        """Have no more to do with it; asyncpg closes it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            self._unsent = b""
            os.close(descriptor)

    def write(self, data: bytes) -> None:
        """Send ``data`` at once, as much of it as there is room for, and the rest when there is."""
        assert self._descriptor is not None
        try:
            sent = os.write(self._descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError as problem:
            self._on_end(problem)
            return
        if sent < len(data) or self._unsent:
            self._wait_to_send(data[sent:])

    def _wait_to_send(self, rest: bytes) -> None:
        assert self._descriptor is not None
        if rest and not self._unsent:
            self._loop.add_writer(self._descriptor, lambda: self.write(self._unsent))
        elif not rest:
            self._loop.remove_writer(self._descriptor)
        self._unsent = rest

    def _read(self) -> None:
        assert self._descriptor is not None
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            self._on_end(problem)
            return
        if data:
            self._on_data(data)
        else:
            self._on_end(None)
