"""Settings of a scenario of kind ``cut``."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from doorbuster.model.fault import Link

CutKind = Literal["close", "reset", "blackhole", "stall"]
CutDirection = Literal["up", "down"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """At which places of an order's conversation the connection is cut, and how.

    ``step``: at each boundary between protocol messages, or at every byte. ``kinds``: an orderly ``close``, a TCP
    ``reset``, a ``blackhole`` (silence, until the buyer gives up) and a ``stall`` (the rest comes after the buyer gave
    up, while he retries); the last two take a buyer's patience each and always go by message. ``start_up``: once more
    over a new connection, cut in its start-up and after. ``lines``: products a cart. ``only`` names a single place, as
    reports name it: ``close down 117``. ``link``: whose conversation it is where the shop is behind HTTP, the buyer's
    with the ``shop`` (the default there) or the shop's own with the ``database``, one order after the other.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    step: Literal["message", "byte"] = "message"
    directions: tuple[CutDirection, ...] = ("up", "down")
    kinds: tuple[CutKind, ...] = ("close", "reset")
    start_up: bool = False
    lines: int = 2
    parallel: int = 6
    only: str | None = None
    link: Link | None = None
