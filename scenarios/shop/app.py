"""The shop's addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shop.checkout import RETIRED, Checkout, Errors
from shop.database import Database, NoConnection, Unknown
from shop.postgrest import Reply, Rpc, lost

STATIC = Path(__file__).with_name("static")
MOST_BYTES = 1 << 20
# A browser sends a request again by itself when a connection that it had used before breaks, even a POST. So what it
# loads before an order comes over connections of its own, and the order over a new one.
ALONE = {"Connection": "close", "Cache-Control": "no-store"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What ``python -m shop --help`` tells."""

    database_url: str
    errors: Errors = "honest"
    flow: Literal["one_call", "two_step"] = "one_call"
    pool: int = 16
    timeout_s: float = 0.7
    role: str | None = None
    retries_serialization: bool = False
    items_argument: str = "order_items_data"
    keeps_retired: bool = False


class Shop:
    """The handlers; one a running shop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url, settings.pool, settings.timeout_s)
        self._rpc = Rpc(self._database, settings.role, settings.retries_serialization)
        self._checkout = Checkout(self._database, self._rpc, settings.errors, settings.items_argument)

    @asynccontextmanager
    async def open(self, _: Starlette) -> AsyncIterator[None]:
        """The pool, for as long as the shop is open."""
        await self._database.open()
        try:
            yield
        finally:
            await self._database.close()

    async def create_order(self, request: Request) -> Response:
        """``POST /api/checkout/create-order``."""
        place = self._checkout.create_order
        if self._settings.flow == "two_step":
            place = self._checkout.create_order_alone
        return _sent(await place(await _body(request), request.headers.get("idempotency-key")))

    async def update_inventory(self, request: Request) -> Response:
        """``POST /api/checkout/update-inventory``, retired."""
        if self._settings.flow != "two_step" and not self._settings.keeps_retired:
            return _sent(RETIRED)
        return _sent(await self._checkout.update_inventory(await _body(request)))

    async def call(self, request: Request) -> Response:
        """``POST /rest/v1/rpc/<function>``."""
        try:
            return _sent(await self._rpc.call(request.path_params["function"], await _body(request)))
        except Unknown as problem:
            return _sent(lost(problem))

    async def product(self, request: Request) -> Response:
        """``GET /api/products/<id>``: what the page shows."""
        try:
            async with self._database.connection() as connection:
                found = await connection.fetchrow(
                    "select id, name, price::text as price, stock_quantity as stock from products where id = $1",
                    request.path_params["product"],
                )
        except (Unknown, NoConnection, asyncpg.PostgresError) as problem:
            return JSONResponse({"error": str(problem)}, 503, ALONE)
        if found is None:
            return JSONResponse({"error": "no such product"}, 404, ALONE)
        return JSONResponse(dict(found), headers=ALONE)

    async def health(self, _: Request) -> Response:
        """``GET /health``: 200 as soon as the database answers."""
        try:
            async with self._database.connection() as connection:
                await connection.fetchval("select 1")
        except (Unknown, NoConnection, asyncpg.PostgresError) as problem:
            return JSONResponse({"error": str(problem)}, 503)
        return JSONResponse({"ready": True})

    async def page(self, _: Request) -> Response:
        """``GET /``: the checkout page."""
        return FileResponse(STATIC / "page.html", headers=ALONE)


class _Alone(StaticFiles):
    """Files whose connection is not used again."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(ALONE)
        return response


def make_app(settings: Settings) -> Starlette:
    """The shop as an ASGI application."""
    shop = Shop(settings)
    return Starlette(
        lifespan=shop.open,
        routes=[
            Route("/", shop.page),
            Route("/health", shop.health),
            Route("/api/products/{product:int}", shop.product),
            Route("/api/checkout/create-order", shop.create_order, methods=["POST"]),
            Route("/api/checkout/update-inventory", shop.update_inventory, methods=["POST"]),
            Route("/rest/v1/rpc/{function}", shop.call, methods=["POST"]),
            Mount("/static", _Alone(directory=STATIC)),
        ],
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return bytes(body)


def _sent(reply: Reply) -> Response:
    if reply.status == 204:
        return Response(status_code=204)
    return JSONResponse(reply.body, reply.status)
