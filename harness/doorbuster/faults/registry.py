"""Refusing a bad fault class when it is registered, not in the middle of a run."""

import inspect

from doorbuster.faults.base import SiteFault
from doorbuster.model.fault_registry import by_kind

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


def registered(*kinds: type[SiteFault]) -> dict[str, type[SiteFault]]:
    """The faults by kind. Raises BadFault."""
    return by_kind(SiteFault, kinds, _objection, EXPECTED)


def _objection(kind: type[SiteFault]) -> str | None:
    """What is wrong with what the class does, if anything."""
    if kind.applied is SiteFault.applied:
        return "it has no 'applied'"
    if inspect.iscoroutinefunction(kind.applied) or len(inspect.signature(kind.applied).parameters) != 2:
        return "its 'applied' is no plain function of the site"
    return None
