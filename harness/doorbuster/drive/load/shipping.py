"""A worker's history on its way to the master: in pieces, packed, one after another; and back into files.

Where both see the same folder nothing is shipped: a mark that the master leaves in it tells.
"""

import re
import secrets
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PIECE_BYTES = 1 << 19
_MARK = "shared.mark"
# Names come from another machine: nothing else may be written, and nowhere else.
_NAME = re.compile(r"(attempts|requests|request_lines|connects|operations)\.\d{1,9}\.csv")


def leave_mark(folder: Path) -> str:
    """Leave a mark in the master's folder, and say which."""
    mark = secrets.token_hex(16)
    (folder / _MARK).write_text(mark)
    return mark


def sees_mark(folder: Path, mark: str) -> bool:
    """Whether ``folder`` is the master's, seen from here."""
    try:
        return bool(mark) and (folder / _MARK).read_text() == mark
    except OSError:
        return False


def remove_mark(folder: Path) -> None:
    """Take the mark away."""
    (folder / _MARK).unlink(missing_ok=True)


def pieces(folder: Path) -> Iterator[dict[str, Any]]:
    """The journals in ``folder``, piece by piece; read as they go, so that no journal has to fit into memory."""
    for path in sorted(folder.glob("*.csv")):
        at = 0
        with path.open("rb") as file:
            while data := file.read(PIECE_BYTES):
                yield {"name": path.name, "at": at, "data": zlib.compress(data, 1)}
                at += len(data)


def store(folder: Path, piece: Mapping[str, Any]) -> None:
    """Write a piece where it belongs.

    Raises:
        ValueError: it is no piece of a journal, or not the one that follows.
    """
    if not _NAME.fullmatch(piece["name"]):
        raise ValueError(f"{piece['name']!r} is no journal of a worker's")
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(piece["data"], PIECE_BYTES)
    if not unpacker.eof:
        raise ValueError(f"a piece of {piece['name']} is larger than pieces are")
    with (folder / piece["name"]).open("ab") as file:
        if file.tell() != piece["at"]:
            raise ValueError(f"a piece of {piece['name']} begins at {piece['at']}, not at {file.tell()}")
        file.write(data)
