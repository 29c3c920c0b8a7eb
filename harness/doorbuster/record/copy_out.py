"""What a query gives, copied into a file on a disk that may be full."""

from pathlib import Path
from typing import BinaryIO

import asyncpg

TIMEOUT_S = 600


async def copy_out(connection: asyncpg.Connection, query: str, *values: object, path: Path) -> None:
    """Write the rows of ``query`` to ``path`` as CSV.

    asyncpg waits for ever where what takes the rows raises: it asks the server to cancel and never hears of it. So an
    error is kept, what still comes is thrown away, and the error is raised when all has come.

    Raises:
        OSError: the file could not be written.
    """
    with path.open("wb") as file:
        sink = _Sink(file)
        await connection.copy_from_query(query, *values, output=sink.take, format="csv", timeout=TIMEOUT_S)
        if sink.problem is not None:
            raise sink.problem


class _Sink:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.problem: OSError | None = None

    async def take(self, data: bytes) -> None:
        if self.problem is None:
            try:
                self._file.write(data)
            except OSError as problem:
                self.problem = problem
