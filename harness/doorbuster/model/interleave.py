"""Settings of a scenario of kind ``interleave``, and what it explores."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

Crowding = Literal[
    "last_unit", "one_fits", "both_fit", "crossed", "same_key", "same_key_last",
    "restocked", "cancelled", "cancelled_twice", "released", "released_twice",
]
Isolation = Literal["read committed", "repeatable read", "serializable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interleave:
    """Which buyers meet, and how far every order of their statements is gone through.

    ``crowds``: all want the last unit of a product; two quantities of which one fits; quantities that all fit; the same
    two products in opposite order; the same order, with the same key, with stock for all, and for one; and, where the
    contract says how, an order against a restock, a cancellation, a release, and two of these of one order at once.
    ``buyers`` is 2 to 4.

    First every schedule with at most ``preemptions`` forced switches, the fewest first, at most ``most`` a crowd; then
    all that are left, by sleep sets (without ``reduced``: one by one), at most ``exhaust`` a crowd; where that was not
    enough, ``random`` ones, each with ``depth`` - 1 forced switches at random places. At last
    buyers gather behind each row that can be held, in every order of arrival, and go on at once, ``overlaps`` times
    each: that is where statements overlap, and nobody says how. A crowd is left after
    ``within_s`` seconds, with whatever was gone through by then.

    Besides its name, a crowd may be spelled (:mod:`doorbuster.model.crowd`). ``drawn`` more are drawn by Hypothesis, of
    two to ``buyers``, up to three lines each; of those that look wrong it seeks a smallest, for at most ``shrink_s``
    seconds. ``only`` is a single schedule as reports name it, such
    as ``1,1,2,1,2``, which is run ``times`` times.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    crowds: tuple[Crowding | str, ...] = get_args(Crowding)
    buyers: int = 2
    isolation: tuple[Isolation, ...] = ("read committed",)
    preemptions: int = 2
    most: int = 150
    exhaust: int = 1000
    reduced: bool = True
    random: int = 0
    depth: int = 3
    overlaps: int = 3
    within_s: float | None = None
    drawn: int = 0
    shrink_s: float = 10.0
    only: str | None = None
    times: int = 1
