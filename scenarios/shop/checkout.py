"""The shop's own endpoints: place an order, and the second half of the flow that it once had."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from shop.database import Database, NoConnection, Unknown
from shop.postgrest import Reply, Rpc

Errors = Literal["honest", "as_published"]
FUNCTION = "create_order_with_inventory"
# The server rolled back and says so: the same request may well succeed.
CONTENTION = ("40001", "40P01", "55P03", "57014", "53100", "53200", "53300")
RETIRED = Reply(410, {"error": "update-inventory was retired: create-order takes the goods off the shelf itself"})


class Malformed(Exception):
    """A request that is no order."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """``errors``: what a buyer is told where something went wrong; ``items_argument``: the name of the function's."""

    database: Database
    rpc: Rpc
    errors: Errors
    items_argument: str

    async def create_order(self, document: bytes, key: str | None) -> Reply:
        """Place an order in one call of the function."""
        try:
            order, items = _order(document, key)
        except Malformed as problem:
            return Reply(400, {"error": str(problem), "code": "malformed"})
        arguments = {"order_data": order, self.items_argument: items}
        try:
            reply = await self.rpc.call(FUNCTION, json.dumps(arguments).encode())
        except Unknown as problem:
            return self._told("unknown", str(problem))
        if reply.status < 300:
            return reply
        return self._told(_code(reply), str(reply.body["message"]))

    async def create_order_alone(self, document: bytes, key: str | None) -> Reply:
        """As it once was: the order and its lines, each in a transaction; the goods are another request's business."""
        try:
            order, items = _order(document, key)
            carted = json.dumps(items)
            async with self.database.connection() as connection:
                if not await connection.fetchval(_ENOUGH, carted):
                    return self._told("sold_out", "Insufficient stock")
                order_id = await connection.fetchval(_ORDER, order["user_id"], str(order["total_amount"]))
                await connection.execute(_LINES, order_id, carted)
        except Malformed as problem:
            return Reply(400, {"error": str(problem), "code": "malformed"})
        except (Unknown, NoConnection, asyncpg.PostgresError) as problem:
            return self._failed(problem)
        return Reply(200, {"success": True, "order_id": order_id})

    async def update_inventory(self, document: bytes) -> Reply:
        """The second half of the old flow: take the goods of an order off the shelf."""
        try:
            request = json.loads(document)
            async with self.database.connection() as connection:
                await connection.execute(_TAKE, int(request["order_id"]), json.dumps(request["items"]))
        except (ValueError, KeyError, TypeError) as problem:
            return Reply(400, {"error": f"no such request: {problem}", "code": "malformed"})
        except (Unknown, NoConnection, asyncpg.PostgresError) as problem:
            return self._failed(problem)
        return Reply(200, {"success": True, "order_id": request["order_id"]})

    def _failed(self, problem: Exception) -> Reply:
        definite = isinstance(problem, asyncpg.PostgresError)
        code = _code(Reply(0, {"code": problem.sqlstate})) if isinstance(problem, asyncpg.PostgresError) else "unknown"
        return self._told(code if definite else "unknown", str(problem))

    def _told(self, code: str, message: str) -> Reply:
        if self.errors == "as_published":
            return Reply(400, {"error": message})
        status = {"sold_out": 409, "refused": 422, "malformed": 400, "not_found": 404}.get(code, 503)
        return Reply(status, {"error": message, "code": code})


def _code(reply: Reply) -> str:
    """What a failed call means to a buyer."""
    state = str(reply.body["code"])
    if state == "P0001":
        return "sold_out"
    if state in ("22023", "23502", "23503", "23514", "22003"):
        return "refused"
    if state in CONTENTION or state == "PGRST003":
        return "try_again"
    return "not_found" if state.startswith("PGRST2") else "unknown"


def _order(document: bytes, key: str | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        # Numbers stay text: a price that went through a float is another price.
        request = json.loads(document, parse_float=str)
        items = [
            {"product_id": item["product_id"], "quantity": item["quantity"], "price": item.get("price")}
            for item in request["items"]
        ]
        order = {"user_id": request["user_id"], "total_amount": request["total_amount"]}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Malformed(f"no such order: {type(problem).__name__} {problem}") from None
    return (order if key is None else {**order, "idempotency_key": key}), items


_CART = "jsonb_to_recordset($%d::jsonb) as l(product_id integer, quantity integer, price numeric)"
_ENOUGH = f"""
select coalesce(bool_and(p.stock_quantity >= l.quantity), false)
from {_CART % 1} left join products p on p.id = l.product_id
"""
_ORDER = "insert into orders (user_id, total_amount) values ($1::text::uuid, $2::text::numeric) returning id"
_LINES = f"""
insert into order_items (order_id, product_id, quantity, price_at_time)
select $1::bigint, l.product_id, l.quantity, l.price from {_CART % 2}
"""
_TAKE = f"""
with cart as (select * from {_CART % 2}),
     taken as (update products p set stock_quantity = p.stock_quantity - cart.quantity
               from cart where p.id = cart.product_id)
insert into inventory_movements (product_id, order_id, quantity_change, movement_type)
select product_id, $1::bigint, -quantity, 'order' from cart
"""
