"""Toxiproxy's toxics as frozen values that are valid as soon as they exist.

Toxiproxy itself takes nearly everything: negative delays, a toxicity of 7, a misspelt attribute (ignored), a slicer
with slices of zero bytes (hangs). So every attribute carries its unit in its name, its name on the wire and its bounds.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, cast, get_args

Stream = Literal["upstream", "downstream"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
MOST = 10**12  # far from the 2**63 nanoseconds at which Go's durations turn negative


class BadToxic(ValueError):
    """A toxic's attribute, stream or toxicity is out of its bounds."""


def _attribute(wire: str, *, least: int = 0, default: int | None = None, most: int = MOST) -> Any:
    """A dataclass field for the attribute that Toxiproxy calls ``wire``, with its inclusive bounds."""
    metadata = {"wire": wire, "least": least, "most": most}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """One toxic. ``stream`` is the direction it acts on (``upstream``: client to server).

    ``toxicity`` is the share of connections it acts on, rolled per connection, and again whenever any toxic of that
    stream changes. ``name`` is unique within a proxy.

    Raises BadToxic when a value is out of bounds.
    """

    type: ClassVar[str]
    stream: Stream = "downstream"
    toxicity: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            raise BadToxic(f"{self.type}: stream is upstream or downstream, not {self.stream!r}")
        if isinstance(self.toxicity, bool) or not 0 <= self.toxicity <= 1:
            raise BadToxic(f"{self.type}: toxicity is a share from 0 to 1, not {self.toxicity!r}")
        for item in _attributes_of(type(self)):
            _check(self.type, item.name, getattr(self, item.name), item.metadata["least"], item.metadata["most"])
        if not self.name:
            object.__setattr__(self, "name", f"{self.type}_{self.stream}")

    def attributes(self) -> dict[str, int]:
        """The attributes under the names that Toxiproxy gives them."""
        return {item.metadata["wire"]: getattr(self, item.name) for item in _attributes_of(type(self))}

    @classmethod
    def from_wire(cls, *, name: str, stream: str, toxicity: float, attributes: dict[str, int]) -> Self:
        """The toxic that Toxiproxy describes so. KeyError when an attribute is missing, BadToxic when one is absurd."""
        values = {item.name: attributes[item.metadata["wire"]] for item in _attributes_of(cls)}
        return cls(name=name, stream=cast(Stream, stream), toxicity=toxicity, **values)


def _attributes_of(kind: type[Toxic]) -> list[Any]:
    return [item for item in fields(kind) if "wire" in item.metadata]


def _check(kind: str, name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadToxic(f"{kind}: {name} is a whole number, not {value!r}")
    if not least <= value <= most:
        raise BadToxic(f"{kind}: {name} lies between {least} and {most}, not {value}")


@dataclass(frozen=True)
class Latency(Toxic):
    """Every chunk is held back for ``latency_ms`` ± ``jitter_ms`` (uniform)."""

    type: ClassVar[str] = "latency"
    latency_ms: int = _attribute("latency")
    jitter_ms: int = _attribute("jitter", default=0)


@dataclass(frozen=True)
class LimitData(Toxic):
    """Exactly this many bytes pass on each connection from the toxic's adding on; then the connection is closed."""

    type: ClassVar[str] = "limit_data"
    limit_bytes: int = _attribute("bytes")


@dataclass(frozen=True)
class ResetPeer(Toxic):
    """The first chunk to come is dropped, and ``timeout_ms`` later the connection is closed.

    On connections opened while any ``reset_peer`` exists (whatever its toxicity), every close is a TCP reset; on older
    ones it is an orderly close.
    """

    type: ClassVar[str] = "reset_peer"
    timeout_ms: int = _attribute("timeout", default=0)


@dataclass(frozen=True)
class Timeout(Toxic):
    """Data is dropped. With 0 until the toxic is removed, which closes the connection.

    Otherwise until no chunk has come for ``timeout_ms``, when the connection is closed.
    """

    type: ClassVar[str] = "timeout"
    timeout_ms: int = _attribute("timeout")


@dataclass(frozen=True)
class SlowClose(Toxic):
    """The connection's end is passed on ``delay_ms`` late."""

    type: ClassVar[str] = "slow_close"
    delay_ms: int = _attribute("delay")


@dataclass(frozen=True)
class Bandwidth(Toxic):
    """At most this many kilobytes a second; 0 would block for ever and is refused."""

    type: ClassVar[str] = "bandwidth"
    rate_kb_s: int = _attribute("rate", least=1)


@dataclass(frozen=True)
class Slicer(Toxic):
    """Chunks are sliced to ``average_size_bytes`` ± ``size_variation_bytes``, with ``delay_us`` between two slices."""

    type: ClassVar[str] = "slicer"
    average_size_bytes: int = _attribute("average_size", least=1)  # 0 makes Toxiproxy hang
    size_variation_bytes: int = _attribute("size_variation", default=0)
    delay_us: int = _attribute("delay", default=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size_variation_bytes >= self.average_size_bytes:
            raise BadToxic("slicer: size_variation_bytes is smaller than average_size_bytes")


TOXICS: dict[str, type[Toxic]] = {
    kind.type: kind for kind in (Latency, LimitData, ResetPeer, Timeout, SlowClose, Bandwidth, Slicer)
}
