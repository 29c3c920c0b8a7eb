"""Small crowds: a few buyers at once whose carts get in each other's way, released together behind a held row lock.

While the harness holds a row that a cart needs, every buyer runs up to the statement that wants it, and stops there
with whatever it has read so far; then all go on at once. That shows races that hide between two statements and
those that hide inside one, without knowing anything of the function.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import asyncpg

from doorbuster.drive.buyer import Buyer
from doorbuster.drive.holding import RowHolder
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.drive.stateful.sitting import Counterpart
from doorbuster.drive.workload import ShelfItem
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome

PHASE = "crowd"
BACKOFF_S = 0.004

Cart = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Units on the shelf, by index; a cart a buyer, as (index, units) lines; buyers with one number share a key."""

    name: str
    units: tuple[int, ...]
    carts: tuple[Cart, ...]
    keys: tuple[int, ...]


def last_unit(random: Random, buyers: int) -> Crowd:
    """All want the one unit that is left."""
    return Crowd("last unit", (1,), (((0, 1),),) * buyers, tuple(range(buyers)))


def one_fits(random: Random, buyers: int) -> Crowd:
    """Stock for one of the carts, and for some units more."""
    units = random.randint(2, 5)
    return Crowd("one fits", (random.randint(units, 2 * units - 1),), (((0, units),),) * buyers, tuple(range(buyers)))


def stock_for_all(random: Random, buyers: int) -> Crowd:
    """Just enough for everybody: nobody may be turned away."""
    carts = tuple(((0, random.randint(1, 3)),) for _ in range(buyers))
    return Crowd("stock for all", (sum(c[0][1] for c in carts),), carts, tuple(range(buyers)))


def crossed(random: Random, buyers: int) -> Crowd:
    """The same products in another order, with other units a line."""
    carts: list[Cart] = []
    for buyer in range(buyers):
        units = (1, 3) if buyer % 2 else (3, 1)
        lines: Cart = ((0, units[0]), (1, units[1]))
        carts.append(lines if random.random() < 0.5 else lines[::-1])
    if buyers > 1:
        carts[1] = tuple(reversed([(index, 4 - units) for index, units in carts[0]]))
    return Crowd("crossed carts", (20, 20), tuple(carts), tuple(range(buyers)))


def crossed_same_order(random: Random, buyers: int) -> Crowd:
    """The same products in the same order, with crossed units: for those who lock by quantity."""
    carts = tuple(((0, 1), (1, 3)) if buyer % 2 else ((0, 3), (1, 1)) for buyer in range(buyers))
    return Crowd("crossed units", (20, 20), carts, tuple(range(buyers)))


def crossed_last(random: Random, buyers: int) -> Crowd:
    """Two lines, each the other way round, and stock for one cart."""
    carts = tuple(((0, 1), (1, 1)) if buyer % 2 else ((1, 1), (0, 1)) for buyer in range(buyers))
    return Crowd("crossed, last units", (1, random.randint(1, 2)), carts, tuple(range(buyers)))


def same_key(random: Random, buyers: int) -> Crowd:
    """One order, asked for several times at once, with stock for all of them."""
    return Crowd("same key", (20, 20), (((0, 1), (1, 2)),) * buyers, (0,) * buyers)


def same_key_last(random: Random, buyers: int) -> Crowd:
    """One order for all that is left, asked for several times at once."""
    units = random.randint(1, 3)
    return Crowd("same key, last units", (units,), (((0, units),),) * buyers, (0,) * buyers)


def same_key_and_rival(random: Random, buyers: int) -> Crowd:
    """One order asked for twice at once, and another buyer; stock for one of the two."""
    carts = (((0, 1),),) * max(3, buyers)
    return Crowd("same key and a rival", (1,), carts, (0, 0, *range(1, len(carts) - 1)))


def anything(random: Random, buyers: int) -> Crowd:
    """Up to three lines a cart, little stock, now and then a shared key."""
    units = tuple(random.randint(0, 5) for _ in range(3))
    carts = tuple(
        tuple((index, random.randint(1, 3)) for index in random.sample(range(3), random.randint(1, 3)))
        for _ in range(buyers)
    )
    return Crowd("anything", units, carts, tuple(range(buyers)))


SHAPES: tuple[Callable[[Random, int], Crowd], ...] = (
    last_unit, stock_for_all, same_key, crossed, one_fits, same_key_last, crossed_same_order, same_key_and_rival,
    crossed_last, anything,
)  # fmt: skip
SHARING = (same_key, same_key_last, same_key_and_rival)  # only for shops whose buyers may ask twice


class Crowds:
    """Sends crowds into the shop, one after the other."""

    def __init__(self, counterpart: Counterpart, buyers: Sequence[Buyer], holder: asyncpg.Connection) -> None:
        self._with = counterpart
        self._buyers = buyers
        self._holder = RowHolder(holder, counterpart.contract)

    @property
    def held(self) -> int:
        """How often a row was held."""
        return self._holder.held

    async def send(self, crowd: Crowd, random: Random) -> None:
        """Let one crowd in, and wait until everybody has an answer."""
        if not self._with.many_lines:
            crowd = replace(crowd, carts=tuple(cart[:1] for cart in crowd.carts))
        items = await self._with.new_items(crowd.units)
        orders = self._orders(crowd, items)
        await self.release(
            [lambda n=n: self.place(n, orders[n], random, prepare=crowd.keys.index(crowd.keys[n]) == n)  # type: ignore[misc]
             for n in range(len(orders))],
            items[: len(crowd.units)], random,
        )  # fmt: skip

    async def release(
        self, starters: Sequence[Callable[[], Awaitable[AttemptEnd]]], items: Sequence[ShelfItem], random: Random
    ) -> None:
        """Start everybody in a random order, mostly behind a held row of one of ``items``; wait for all to end."""
        starters = random.sample(starters, len(starters))
        hold = random.choice([None, *items])
        tasks: list[asyncio.Future[AttemptEnd]] = []
        async with self._holder.holding(hold):
            for start in starters:
                tasks.append(asyncio.ensure_future(start()))
                await asyncio.sleep(random.choice([0, 0, 0.001]))
            if hold is not None:
                await self._holder.until_stuck(tasks)
        await asyncio.gather(*tasks)

    def _orders(self, crowd: Crowd, items: Sequence[ShelfItem]) -> list[Order]:
        by_key: dict[int, Order] = {}
        orders = []
        for cart, key in zip(crowd.carts, crowd.keys, strict=True):
            lines = [Line(items[index].product, units, items[index].price) for index, units in cart]
            if key not in by_key:
                by_key[key] = self._with.new_order(lines)
                self._with.history.request(by_key[key], PHASE)
            orders.append(by_key[key])
        return orders

    async def place(self, number: int, order: Order, random: Random, *, prepare: bool = True) -> AttemptEnd:
        """Place an order as the shop's client does, with its retries; buyer ``number`` does it."""
        rules = self._with.contract.buyer
        if prepare:
            await self._with.backstage.prepare(order)
        end = AttemptEnd(Outcome.ERROR)
        for try_no in range(1, rules.attempts + 1):
            end = await self._with.history.attempt(
                self._buyers[number], order, try_no=self._with.history.next_try(order), number=number, phase=PHASE
            )
            if end.outcome not in rules.retry or try_no == rules.attempts:
                break
            await asyncio.sleep(random.uniform(0.5, 1.5) * BACKOFF_S * 2 ** min(try_no, 5))
        return end
