"""Endpoints that a contract lists as retired: each is asked once, while no buyer is there, and must refuse."""

from pathlib import Path
from random import Random

from doorbuster.config.templates import Verbatim
from doorbuster.drive.backstage import add_products
from doorbuster.drive.http.connection import HttpConnection, LostAnswer, Request, Response
from doorbuster.drive.http.flow import compile_request, order_values
from doorbuster.drive.patience import in_time
from doorbuster.drive.sql_buyer import Target
from doorbuster.drive.stateful.sitting import PHASE, Counterpart
from doorbuster.drive.workload import random_order, shelf_item
from doorbuster.host.clock import now_us
from doorbuster.model.order import Line
from doorbuster.model.scenario import Workload
from doorbuster.record.journal import Journal

FIRST_PRODUCT = 800_001
_ONE = Workload(arrivals="burst", buyers=1, stock=10)


async def ask_retired(there: Counterpart, entrance: Target, patience_s: float, folder: Path) -> None:
    """Ask every retired endpoint for a product of its own, and write down what it said.

    ``:order_id`` is that of an order that is there: one of another product, placed as orders are placed now.

    Raises:
        StatementFailed: a product cannot be put on the shelf; UnmatchedAnswer: an answer that the contract does not
            know; KeyError: a parameter without a value.
    """
    http, contract = there.contract.place.http, there.contract
    if http is None or not http.retired:
        return
    placed = await _placed(there)
    with Journal(folder, "retired") as journal:
        for number, step in enumerate(http.retired):
            item = shelf_item(contract, FIRST_PRODUCT + number, _ONE.stock)
            await add_products(there.connection, contract, [item])
            order = random_order(_ONE, [item], Random(f"retired {number}"))
            values = {**order_values(order, 0), "order_id": placed}
            request = compile_request(step, step.url).request(order, values)
            invoked_us = now_us()
            status, message = await _asked(request, entrance, patience_s)
            endpoint = f"{step.method.upper()} {step.url}"
            journal.append([endpoint, item.product, invoked_us, now_us(), status, message])


async def _placed(there: Counterpart) -> Verbatim | str | None:
    """The id of an order that is there, if there can be one."""
    (item,) = await there.new_items([1])
    order = there.new_order([Line(item.product, 1, item.price)])
    await there.backstage.prepare(order)
    there.history.request(order, PHASE)
    end = await there.history.attempt(there.buyer, order, try_no=1, number=0, phase=PHASE)
    return Verbatim(end.order_id) if end.order_id and end.order_id.isdecimal() else end.order_id


async def _asked(request: Request, entrance: Target, patience_s: float) -> tuple[int | None, str]:
    line = HttpConnection(entrance.host, entrance.port, keep_alive=False)
    try:
        found: Response | None = await in_time(line.exchange(request), patience_s, line.close)
    except LostAnswer as lost:
        return None, f"{lost.code}: {lost}"
    finally:
        line.close()
    return (None, "timeout") if found is None else (found.status, found.body.decode(errors="replace"))
