"""Where a conversation can be cut: pure decisions, no connection."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from doorbuster.model.cut import Cut, CutKind
from doorbuster.network.wire import Conversation, Direction

# These cost the buyer's whole patience each.
SLOW_KINDS: tuple[CutKind, ...] = ("blackhole", "stall")
_NAME = re.compile(r"(close|reset|blackhole|stall) (start-up )?(up|down) (\d+)")


@dataclass(frozen=True, slots=True)
class Place:
    """One cut: after ``at_byte`` bytes of ``direction``, counted from the order's first byte on a warmed connection,
    or from the connection's own first byte where it goes ``from_start_up``."""

    kind: CutKind
    direction: Direction
    at_byte: int
    from_start_up: bool = False

    @property
    def name(self) -> str:
        """As reports and the command line name it, such as ``close down 117``."""
        return f"{self.kind} {'start-up ' if self.from_start_up else ''}{self.direction} {self.at_byte}"


def parse_place(name: str) -> Place:
    """The place of that name.

    Raises:
        ValueError: no such name; says how one looks.
    """
    match = _NAME.fullmatch(" ".join(name.split()))
    if match is None:
        raise ValueError(f"{name!r} is no place; write it as reports do: 'close down 117' or 'reset start-up up 30'")
    kind, start_up, direction, at_byte = match.groups()
    return Place(kind, direction, int(at_byte), start_up is not None)  # type: ignore[arg-type]  # the pattern's words


def places(cut: Cut, warmed: Conversation, from_start_up: Conversation | None) -> tuple[Place, ...]:
    """Every place, the slow kinds first, so that the others go on beside them."""
    if cut.only is not None:
        return (parse_place(cut.only),)
    found = [*_of(cut, warmed, start_up=False)]
    if cut.start_up and from_start_up is not None:
        found += _of(cut, from_start_up, start_up=True)
    return tuple(sorted(found, key=lambda place: place.kind not in SLOW_KINDS))


def _of(cut: Cut, conversation: Conversation, *, start_up: bool) -> Iterator[Place]:
    for kind in cut.kinds:
        if start_up and kind in SLOW_KINDS:
            continue
        step = "message" if kind in SLOW_KINDS else cut.step
        for direction in cut.directions:
            for at_byte in _bytes(step, conversation, direction):
                yield Place(kind, direction, at_byte, start_up)


def _bytes(step: str, conversation: Conversation, direction: Direction) -> Iterator[int]:
    """The last one is the conversation's own end: everything has passed, and the line dies behind it."""
    if step == "byte":
        yield from range(conversation.length(direction) + 1)
        return
    yield 0
    for message in conversation.messages(direction):
        yield message.end


def call_of(place: Place, conversation: Conversation, calls: Mapping[int, str]) -> str:
    """The call of the flow in whose exchange the place lies; ``calls`` by the number of their exchange."""
    for message in conversation.messages(place.direction):
        if place.at_byte <= message.end:
            return calls.get(message.exchange, "")
    return ""
