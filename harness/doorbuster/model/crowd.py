"""A small workload whose every schedule is gone through, and the line of text that spells one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from doorbuster.model.contract import OperationKind

MOST_BUYERS = 4
NOTATION = "'3a 1b: 2a 1b, 1b, as 1' (what is in stock: what each buyer wants; 'as 1' sends buyer 1's order again)"
_UNITS = re.compile(r"(\d{1,6})([a-z])")
_AGAIN = re.compile(r"as (\d)")

Units = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A crowd: how many units of each of its products are there, and each buyer's cart, as (product, units).

    ``again``, one entry a buyer, says whose order he sends, from 0; empty: each sends his own. The first buyers do what
    ``operations`` say instead: restock what is in their cart, or end an order of ``sold`` units that was placed before,
    beside one of a few units that stays.
    """

    stock: tuple[int, ...]
    carts: tuple[Units, ...]
    again: tuple[int, ...] = ()
    operations: tuple[OperationKind, ...] = ()
    sold: int = 0

    @property
    def repeats(self) -> bool:
        """Whether an order is sent by more than one buyer."""
        return len(set(self.again)) < len(self.again)

    @property
    def size(self) -> tuple[int, ...]:
        """Smaller is easier to read: buyers, lines, products, units wanted, units there."""
        lines = [line for cart in self.carts for line in cart]
        return len(self.carts), len(lines), len(self.stock), sum(units for _, units in lines), sum(self.stock)


class NotACrowd(ValueError):
    """A text that spells no crowd; the message says what is wrong."""


def why_no_crowd(text: str, names: Sequence[str]) -> str:
    """Why ``text`` is neither one of the ``names`` nor spells a crowd; empty if it is or does."""
    if text not in names:
        try:
            spelled(text)
        except NotACrowd as problem:
            return f"{problem}; or one of {', '.join(names)}"
    return ""


def spell(shape: Shape) -> str:
    """The line that spells a shape without operations: what :func:`spelled` reads."""
    first: dict[int, int] = {}
    carts = []
    for buyer, cart in enumerate(shape.carts):
        order = shape.again[buyer] if shape.again else buyer
        carts.append(f"as {first[order] + 1}" if order in first else _units(cart))
        first.setdefault(order, buyer)
    return f"{_units(tuple(enumerate(shape.stock)))}: {', '.join(carts)}"


def _units(units: Units) -> str:
    return " ".join(f"{count}{ascii_lowercase[product]}" for product, count in units)


def spelled(text: str) -> Shape:
    """The shape that ``text`` spells.

    Raises:
        NotACrowd: it spells none.
    """
    stock, colon, wants = text.partition(":")
    if not colon:
        raise NotACrowd(f"{text!r} is no crowd: write {NOTATION}")
    shelf = _read(stock, text)
    letters = [letter for letter, _ in shelf]
    if letters != list(ascii_lowercase[: len(letters)]):
        raise NotACrowd(f"{text!r}: call the products in stock a, b, c, each once and in this order")
    carts, again = _carts(wants.split(","), letters, text)
    if not 2 <= len(carts) <= MOST_BUYERS:
        raise NotACrowd(f"{text!r}: 2 to {MOST_BUYERS} buyers, separated by commas, are a crowd")
    unique = again == list(range(len(again)))
    return Shape(tuple(units for _, units in shelf), tuple(carts), () if unique else tuple(again))


def _carts(wants: list[str], letters: list[str], text: str) -> tuple[list[Units], list[int]]:
    carts: list[Units] = []
    again: list[int] = []
    for want in wants:
        repeated = _AGAIN.fullmatch(want.strip())
        if repeated is None:
            lines = _read(want, text)
            if any(letter not in letters or units == 0 for letter, units in lines):
                raise NotACrowd(f"{text!r}: {want.strip()!r} asks for nothing, or for a product that is not in stock")
            if len({letter for letter, _ in lines}) < len(lines):
                raise NotACrowd(f"{text!r}: {want.strip()!r} names a product twice")
            again.append(len(carts))
            carts.append(tuple((letters.index(letter), units) for letter, units in lines))
        elif not 1 <= (buyer := int(repeated[1])) <= len(carts):
            raise NotACrowd(f"{text!r}: {want.strip()!r}: no such buyer before")
        else:
            again.append(again[buyer - 1])
            carts.append(carts[buyer - 1])
    return carts, again


def _read(units: str, text: str) -> list[tuple[str, int]]:
    found = [_UNITS.fullmatch(word) for word in units.split()]
    if not found or None in found:
        raise NotACrowd(f"{text!r}: {units.strip()!r} is no list of units: write {NOTATION}")
    return [(match[2], int(match[1])) for match in found if match is not None]
