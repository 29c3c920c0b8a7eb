"""The choice of a place that several faults share."""

from dataclasses import dataclass, replace
from typing import Self

from doorbuster.network.faults.base import Fault


@dataclass(frozen=True, kw_only=True)
class PlacedFault(Fault):
    """A fault that comes after so many bytes, and ``step_bytes`` more in each pulse than in the one before."""

    after_bytes: int = 0
    step_bytes: int = 0

    def pulse(self, number: int) -> Self:
        return replace(self, after_bytes=self.after_bytes + number * self.step_bytes)
