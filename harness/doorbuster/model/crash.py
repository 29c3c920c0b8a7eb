"""Settings of a scenario of kind ``crash``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

CrashKind = Literal[
    "cancel",
    "terminate",
    "disk_full",
    "out_of_memory",
    "serialization_failure",
    "statement_timeout",
    "lock_timeout",
    "kill_client",
    "kill_backend",
    "kill_server",
]
LoadKind = Literal["cancel", "terminate", "kill_client", "kill_backend", "kill_server"]
GENTLE: tuple[CrashKind, ...] = (
    "cancel", "terminate", "disk_full", "out_of_memory", "serialization_failure", "statement_timeout", "lock_timeout",
    "kill_client",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Crash:
    """What is killed, and when.

    ``at = "statement"``: each of ``kinds`` at every statement of the function, and after every call of a flow;
    ``lines`` is how many products a cart has, ``only`` a single place as reports name it (``cancel 7``).
    ``at = "load"``: ``kills`` times while ``buyers`` order without a pause, for a random part of ``calm_s`` between two
    kills, each of ``load_kinds`` in turn: one session that is at work, its client, or the whole server. Every
    ``aimed``-th kill of the server waits for an order that has committed and is not answered yet.
    ``settings`` are the server's own, over the harness's.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    at: Literal["statement", "load"] = "statement"
    kinds: tuple[CrashKind, ...] = GENTLE
    lines: int = 2
    parallel: int = 8
    only: str | None = None
    load_kinds: tuple[LoadKind, ...] = ("kill_server",)
    kills: int = 5
    buyers: int = 8
    calm_s: float = 0.3
    aimed: int = 2
    settings: Mapping[str, str] = field(default_factory=dict)
