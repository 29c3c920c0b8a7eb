"""Refusing a bad fault class when it is registered, not in the middle of a run."""

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from typing import Any, TypeVar

from doorbuster.model.fault_settings import FaultSettings

F = TypeVar("F", bound=FaultSettings)


class BadFault(TypeError):
    """A class that is no fault; the text says why and shows the signatures expected."""


def by_kind(
    base: type[F], kinds: Iterable[type[F]], objection: Callable[[type[F]], str | None], expected: str
) -> dict[str, type[F]]:
    """The fault classes by their ``kind``.

    ``objection`` says what is wrong with a class of a right form, ``expected`` is an example of a right one.

    Raises:
        BadFault: a class that is no fault, or a kind that is taken.
    """
    registry: dict[str, type[F]] = {}
    for fault in kinds:
        reason = _no_fault(base, fault) or objection(fault) or _cannot_be_made(fault)
        name = getattr(fault, "kind", None)
        if reason is None and name in registry:
            reason = f"the kind {name!r} is taken"
        if reason is not None:
            raise BadFault(f"{fault!r} is no fault: {reason}.\n{expected}")
        registry[str(name)] = fault
    return registry


def _no_fault(base: type[FaultSettings], fault: Any) -> str | None:
    if not (isinstance(fault, type) and issubclass(fault, base)):
        return f"it is no subclass of {base.__name__}"
    if not (is_dataclass(fault) and "__dataclass_fields__" in vars(fault)):
        return "it is no frozen dataclass"
    if not isinstance(getattr(fault, "kind", None), str):
        return "its kind is no string"
    return None


def _cannot_be_made(fault: type[FaultSettings]) -> str | None:
    try:
        fault.from_parameters({})
    except TypeError as error:
        return f"it cannot be made without parameters ({error})"
    return None
