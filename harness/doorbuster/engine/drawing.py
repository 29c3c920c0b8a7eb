"""Crowds that Hypothesis draws, each explored as the named ones are.

The log decides, as everywhere. But Hypothesis has to know at once which way to shrink, so the shop's tables are read
after each crowd: whether they are out of balance says nothing of who did it, but is right about where to look.
"""

from collections.abc import Awaitable, Callable

from doorbuster.drive.interleave.drawing import draw, workloads
from doorbuster.drive.interleave.driver import Ran
from doorbuster.drive.searching import search_beside
from doorbuster.drive.stateful.ledger import Ledger, Sums
from doorbuster.engine.demands import repeats
from doorbuster.engine.schedules import Explored, is_told_of_deadlock
from doorbuster.engine.stage import Stage
from doorbuster.model.crowd import Shape, spell
from doorbuster.model.interleave import Interleave
from doorbuster.model.outcome import Outcome


async def draw_crowds(
    stage: Stage, wanted: Interleave, ledger: Ledger | None, explore: Callable[[str], Awaitable[Explored]]
) -> None:
    """Let ``explore`` go through ``wanted.drawn`` crowds, and through smaller ones of one that looks wrong."""
    async def looks_wrong(shape: Shape) -> bool:
        before = None if ledger is None else await ledger.look([])
        one = await explore(spell(shape))
        if ledger is None or before is None:
            return _met_a_deadlock(one)
        items = {item.product: item.units for ran in one.ran for item in ran.items}
        after = await ledger.look(list(items))
        return _met_a_deadlock(one) or _is_out_of_balance(items, after) or _miscounted(one.ran, before, after)

    place = stage.contract.place
    strategy = workloads(wanted.buyers, many_lines=place.many_lines, repeats=repeats(stage.contract))
    await search_beside(
        lambda wait_for: draw(
            strategy, lambda shape: bool(wait_for(looks_wrong(shape))), wanted.drawn, wanted.shrink_s, stage.seed
        )
    )


def _met_a_deadlock(one: Explored) -> bool:
    return any(map(is_told_of_deadlock, one.ran))


def _is_out_of_balance(items: dict[str, int], sums: Sums) -> bool:
    """Stock and what was sold are not what was there; or movements, where there are any, do not say so."""
    for product, units in items.items():
        left, sold = sums.stock.get(product, 0), sums.lines.get(product, 0)
        moved = sums.moved.get(product)
        if left < 0 or left + sold != units or (moved is not None and moved not in (-sold, left)):
            return True
    return False


def _miscounted(ran: list[Ran], before: Sums, after: Sums) -> bool:
    """More orders than were asked for, or fewer than were confirmed."""
    asked = {order.order_key for one in ran for order in one.orders}
    confirmed = {
        order.order_key
        for one in ran
        for order, end in zip(one.orders, one.ends, strict=True)
        if end.outcome is Outcome.OK
    }
    return not len(confirmed) <= after.orders - before.orders <= len(asked)
