"""Refusing a bad fault class when it is registered, not in the middle of a run."""

import inspect
from dataclasses import is_dataclass

from doorbuster.faults.base import SiteFault

EXPECTED = """
A fault looks like this:

    @dataclass(frozen=True)
    class Reloaded(SiteFault):
        kind: ClassVar[str] = "reloaded"
        pause_ms: int = 10                                          # settings carry their units and have defaults

        @contextmanager
        def applied(self, site: Site) -> Iterator[None]: ...        # acts, yields, heals in 'finally'

        @property
        def proof_sql(self) -> str: ...                          # optional, as are prepared, describe, server_settings
"""


class BadFault(TypeError):
    """A class that is no fault; the text says why and shows the signatures expected."""


def registered(*kinds: type[SiteFault]) -> dict[str, type[SiteFault]]:
    """The faults by kind. Raises BadFault."""
    registry: dict[str, type[SiteFault]] = {}
    for kind in kinds:
        if reason := _objection(kind) or (kind.kind in registry and f"the kind {kind.kind!r} is taken"):
            raise BadFault(f"{kind!r} is no fault: {reason}.\n{EXPECTED}")
        registry[kind.kind] = kind
    return registry


def _objection(kind: type[SiteFault]) -> str | None:
    """What is wrong with the class, if anything."""
    if not (isinstance(kind, type) and issubclass(kind, SiteFault)):
        return "it is no subclass of SiteFault"
    if not (is_dataclass(kind) and "__dataclass_fields__" in vars(kind)):
        return "it is no frozen dataclass"
    if not isinstance(getattr(kind, "kind", None), str):
        return "its kind is no string"
    if kind.applied is SiteFault.applied:
        return "it has no 'applied'"
    if inspect.iscoroutinefunction(kind.applied) or len(inspect.signature(kind.applied).parameters) != 2:
        return "its 'applied' is no plain function of the site"
    try:
        kind.from_parameters({})
    except TypeError as error:
        return f"it cannot be made without parameters ({error})"
    return None
