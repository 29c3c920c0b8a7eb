"""Refusing a bad fault class when it is registered, not in the middle of a run."""

import inspect

from doorbuster.model.fault_registry import by_kind
from doorbuster.network.faults.base import Fault

EXPECTED = """
A fault looks like this:

    @dataclass(frozen=True)
    class Sliced(Fault):
        kind: ClassVar[str] = "sliced"
        size_bytes: int = 10                                  # settings carry their units and have defaults

        def toxics(self) -> tuple[Toxic, ...]: ...            # or: apply(self, proxy: Proxy), heal(self, proxy: Proxy)

        @property
        def proof_sql(self) -> str: ...                       # optional, as are describe(self), seen_in(self, seen)
"""
METHODS = {"toxics": 1, "apply": 2, "heal": 2, "armed": 2, "describe": 1, "seen_in": 2}


def registered(*kinds: type[Fault]) -> dict[str, type[Fault]]:
    """The faults by kind. Raises BadFault."""
    return by_kind(Fault, kinds, _objection, EXPECTED)


def _objection(kind: type[Fault]) -> str | None:
    """What is wrong with what the class does, if anything."""
    if not isinstance(inspect.getattr_static(kind, "proof_sql"), property):
        return "its proof_sql is no property"
    return _misses_its_core(kind) or _wrong_signature(kind)


def _misses_its_core(kind: type[Fault]) -> str | None:
    own = {name for name in ("toxics", "apply", "heal") if getattr(kind, name) is not getattr(Fault, name)}
    if "toxics" in own or {"apply", "heal"} <= own:
        return None
    return "it has neither toxics, nor both apply and heal"


def _wrong_signature(kind: type[Fault]) -> str | None:
    for name, count in METHODS.items():
        method = getattr(kind, name)
        if inspect.iscoroutinefunction(method):
            return f"{name} is async; faults are plain functions, and the engine calls them in a thread"
        if not callable(method) or len(inspect.signature(method).parameters) != count:
            return f"{name} has the wrong parameters"
    return None
