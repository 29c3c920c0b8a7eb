"""The choice of directions that several faults share."""

from dataclasses import dataclass

from doorbuster.network.faults.base import BadParameters, Fault
from doorbuster.network.toxics import Stream


@dataclass(frozen=True)
class DirectedFault(Fault):
    """A fault that acts on requests (``upstream``), on answers (``downstream``), or on both."""

    upstream: bool = True
    downstream: bool = True

    def check(self) -> None:
        if not self.streams():
            raise BadParameters(f"fault {self.kind}: needs a direction; upstream and downstream are both off")
        super().check()

    def streams(self) -> tuple[Stream, ...]:
        """The directions chosen."""
        chosen: list[Stream] = []
        if self.upstream:
            chosen.append("upstream")
        if self.downstream:
            chosen.append("downstream")
        return tuple(chosen)

    def directions(self) -> str:
        """The directions in words."""
        words = {"upstream": "on the way to the server", "downstream": "on the way back"}
        return " and ".join(words[stream] for stream in self.streams())
