"""Refusing a bad fault class when it is registered, not in the middle of a run."""

import inspect
from dataclasses import is_dataclass

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


class BadFault(TypeError):
    """A class that is no fault; the text says why and shows the signatures expected."""


def registered(*kinds: type[Fault]) -> dict[str, type[Fault]]:
    """The faults by kind. Raises BadFault."""
    registry: dict[str, type[Fault]] = {}
    for kind in kinds:
        if reason := _objection(kind) or (kind.kind in registry and f"the kind {kind.kind!r} is taken"):
            raise BadFault(f"{kind!r} is no fault: {reason}.\n{EXPECTED}")
        registry[kind.kind] = kind
    return registry


def _objection(kind: type[Fault]) -> str | None:
    """What is wrong with the class, if anything."""
    if not (isinstance(kind, type) and issubclass(kind, Fault)):
        return "it is no subclass of Fault"
    if not (is_dataclass(kind) and "__dataclass_fields__" in vars(kind)):
        return "it is no frozen dataclass"
    if not isinstance(getattr(kind, "kind", None), str):
        return "its kind is no string"
    if not isinstance(inspect.getattr_static(kind, "proof_sql"), property):
        return "its proof_sql is no property"
    return _misses_its_core(kind) or _wrong_signature(kind) or _cannot_be_made(kind)


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


def _cannot_be_made(kind: type[Fault]) -> str | None:
    try:
        kind.from_parameters({})
    except TypeError as error:
        return f"it cannot be made without parameters ({error})"
    return None
