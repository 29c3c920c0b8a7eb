"""One plain order before anything else: a function that fails every call is caught in the first second."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from random import Random

import asyncpg

from doorbuster.config.answers import UnmatchedAnswer
from doorbuster.drive.backstage import Backstage, StatementFailed, add_products
from doorbuster.drive.buyer import buyers_of
from doorbuster.drive.sql_buyer import AttemptEnd, Target
from doorbuster.drive.workload import ShelfItem, random_order, shelf
from doorbuster.engine.errors import UsageError
from doorbuster.engine.first_look import contract_mistakes
from doorbuster.engine.shop import open_shop
from doorbuster.model.check import CheckResult, CheckStatus
from doorbuster.model.contract import Contract
from doorbuster.model.outcome import Outcome
from doorbuster.model.result import ScenarioResult
from doorbuster.model.scenario import Workload
from doorbuster.model.server import Server
from doorbuster.model.verdict import Verdict

# From the database to where buyers go.
Entrance = Callable[[Target], AbstractAsyncContextManager[Target]]
NAME = "plain_order"
_PLAIN = Workload(arrivals="burst", buyers=1, stock=10)


async def place_first_order(
    server: Server, template: str, contract: Contract, seed: int, entrance: Entrance | None = None
) -> AttemptEnd:
    """Place one order of one unit with ten in stock, at the ``entrance`` that it opens: directly, if none is given.

    Raises:
        UsageError: an answer that the contract does not know, or a statement that its parameters do not fit.
    """
    items = shelf(contract, _PLAIN)
    async with (
        open_shop(server, template, "shop_plain_order", contract, []) as shop,
        (entrance or nullcontext)(shop.direct if entrance else _as_buyer(shop.direct, contract)) as target,
    ):
        if mistakes := await contract_mistakes(shop.connection, contract, shop.tables):
            raise UsageError("\n".join(f"{contract.name}: {mistake}" for mistake in mistakes))
        await _stock(shop.connection, contract, items)
        order = random_order(_PLAIN, items, Random(seed))
        buyer = buyers_of(contract).at(target, max(10.0, contract.buyer.timeout_s))
        behind = Backstage(contract, shop.direct)
        try:
            await behind.prepare(order)
            return await buyer.attempt(order, 1)
        except UnmatchedAnswer as problem:
            raise UsageError(f"{contract.name}: {problem}; add a rule for it") from None
        except KeyError as problem:
            message = f"unknown parameter :{problem.args[0]}, neither an order's nor what an earlier step gave"
            raise UsageError(f"{contract.name}: place: {message}") from None
        finally:
            behind.close()
            buyer.close()


async def _stock(connection: asyncpg.Connection, contract: Contract, items: Sequence[ShelfItem]) -> None:
    try:
        await add_products(connection, contract, items)
    except StatementFailed as problem:
        raise UsageError(f"{contract.name}: {problem}") from None


def _as_buyer(direct: Target, contract: Contract) -> Target:
    return replace(direct, settings=dict(contract.session))


def unusable(end: AttemptEnd, contract: Contract, seed: int) -> ScenarioResult | None:
    """The result that says so where the first plain order did not go through; None where it did."""
    if end.outcome is Outcome.OK:
        return None
    example: dict[str, object] = {"answered": end.outcome.value, "code": end.code, "message": end.message}
    hint = f"{contract.name} fails its first plain order: one unit of one product with ten in stock, nobody else there"
    check = CheckResult("unusable", CheckStatus.VIOLATED, 1, 1, hint, example=example, rows=(example,), required=True)
    outcomes = {o.value: int(o is end.outcome) for o in Outcome}
    return ScenarioResult(
        NAME, "stateful", Verdict.VIOLATION, 0.0, seed, 1, 1, outcomes, 0, 0, (), (), (), (check,),
        description="One plain order before anything else.",
    )  # fmt: skip
