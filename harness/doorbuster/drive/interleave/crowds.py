"""Who meets whom: the small workloads whose every schedule is gone through."""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from uuid import UUID

from doorbuster.drive.workload import ShelfItem
from doorbuster.model.contract import OperationKind
from doorbuster.model.crowd import Shape, spelled
from doorbuster.model.order import Line, Order

# Of which one fits, for two; and what two buyers want where all fits.
_ONE_FITS, _BOTH_FIT = (2, 3, 2, 3), (1, 2, 1, 2)
# A counter that is kept from falling below nothing would hide a second release.
BYSTANDER = 3


def shape(crowd: str, buyers: int) -> Shape:
    """The crowd with this name, of so many buyers; or the one that ``crowd`` spells, with its own."""
    named = _SHAPES.get(crowd)
    return spelled(crowd) if named is None else named(buyers)


def orders(wanted: Shape, items: tuple[ShelfItem, ...], random: Random) -> list[Order]:
    """One order a buyer, of ``items``, the shelf's products for this crowd."""
    made = [order_of([(items[product], units) for product, units in cart], random) for cart in wanted.carts]
    return [made[buyer] for buyer in wanted.again] if wanted.again else made


def order_of(cart: list[tuple[ShelfItem, int]], random: Random) -> Order:
    """An order of these units."""
    lines = tuple(Line(item.product, units, item.price) for item, units in cart)
    total = sum((Decimal(line.price) * line.quantity for line in lines), Decimal(0))
    key, customer = (str(UUID(int=random.getrandbits(128), version=4)) for _ in range(2))
    return Order(key, customer, lines, str(total))


def _last_unit(buyers: int) -> Shape:
    return Shape((1,), tuple(((0, 1),) for _ in range(buyers)))


def _one_fits(buyers: int) -> Shape:
    return Shape((3,), tuple(((0, _ONE_FITS[n]),) for n in range(buyers)))


def _both_fit(buyers: int) -> Shape:
    units = _BOTH_FIT[:buyers]
    return Shape((sum(units),), tuple(((0, wanted),) for wanted in units))


def _crossed(buyers: int) -> Shape:
    return Shape((buyers, buyers), tuple(((n % 2, 1), (1 - n % 2, 1)) for n in range(buyers)))


def _same_key(buyers: int) -> Shape:
    return Shape((buyers,), tuple(((0, 1),) for _ in range(buyers)), again=(0,) * buyers)


def _same_key_last(buyers: int) -> Shape:
    return Shape((1,), tuple(((0, 1),) for _ in range(buyers)), again=(0,) * buyers)


def _meets(*operations: OperationKind) -> Callable[[int], Shape]:
    """Whoever orders two units gets them only after the operations gave something back, or brought something."""

    def made(buyers: int) -> Shape:
        carts = tuple(((0, 1 if n < len(operations) else 2),) for n in range(buyers))
        sold = 0 if "restock" in operations else 1
        return Shape((1 + sold + BYSTANDER * sold,), carts, operations=operations, sold=sold)

    return made


_SHAPES: dict[str, Callable[[int], Shape]] = {
    "last_unit": _last_unit,
    "one_fits": _one_fits,
    "both_fit": _both_fit,
    "crossed": _crossed,
    "same_key": _same_key,
    "same_key_last": _same_key_last,
    "restocked": _meets("restock"),
    "cancelled": _meets("cancel"),
    "cancelled_twice": _meets("cancel", "cancel"),
    "released": _meets("release"),
    "released_twice": _meets("release", "release"),
}
