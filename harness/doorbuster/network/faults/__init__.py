"""The network's faults by their kind. A new one is a file beside this and a line in FAULTS."""

from collections.abc import Mapping

from doorbuster.model.fault_registry import BadFault
from doorbuster.network.faults.ack_lost import AckLost
from doorbuster.network.faults.base import BadParameters, Fault, Mark, applied
from doorbuster.network.faults.blackhole import Blackhole
from doorbuster.network.faults.never_sent import NeverSent
from doorbuster.network.faults.refused import Refused
from doorbuster.network.faults.registry import registered
from doorbuster.network.faults.reset import Reset
from doorbuster.network.faults.slow import Slow

__all__ = ["FAULTS", "BadFault", "BadParameters", "Fault", "Mark", "applied", "make_fault", "registered"]

FAULTS: dict[str, type[Fault]] = registered(
    Slow,
    AckLost,
    NeverSent,
    Blackhole,
    Refused,
    Reset,
)


def make_fault(kind: str, parameters: Mapping[str, object]) -> Fault:
    """The fault of that kind with these parameters. Raises BadParameters, which names the known kinds or parameters."""
    if kind not in FAULTS:
        raise BadParameters(f"unknown fault {kind!r}; known: {', '.join(FAULTS)}")
    return FAULTS[kind].from_parameters(parameters)
