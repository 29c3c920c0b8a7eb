"""A server with a function that answers as the product's name says, and buyers who reach it on each of their ways."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import asyncpg
import pytest
from doorbuster.config.answers import AnswerBook
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.lent_line import LentLine
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.host.guardian import Guardian
from doorbuster.model.contract import AnswerRule, Answers, Place
from doorbuster.model.order import Line, Order
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.embedded import EmbeddedServer

SCHEMA = """
create table placed (
    number bigserial primary key, key text, customer uuid, total numeric, lines jsonb, product text, quantity int,
    application text default current_setting('application_name')
);
create function place(key text, customer uuid, total numeric, lines jsonb, product text, quantity int)
returns jsonb language plpgsql as $$
begin
    insert into placed (key, customer, total, lines, product, quantity)
    values (place.key, place.customer, place.total, place.lines, place.product, place.quantity);
    case product
        when 'sold out' then
            raise exception 'sold out: %', key using errcode = 'P0001', detail = 'none left', hint = 'come again';
        when 'refused' then return '{"success": false}';
        when 'uncertain' then return '{"maybe": true}';
        when 'scalar' then return '5';
        when 'nothing' then return null;
        when 'talkative' then
            raise notice 'one'; raise notice 'two';
            perform set_config('application_name', 'renamed', true);
        when 'big' then return jsonb_build_object('success', true, 'id', 7, 'more', repeat('x', 100000));
        when 'ends its session' then perform pg_terminate_backend(pg_backend_pid()), pg_sleep(5);
        when 'slow' then perform pg_sleep(2);
        else if product like 'raises %' then
            raise exception 'as told' using errcode = substr(product, 8);
        end if;
    end case;
    return jsonb_build_object('success', true, 'id', place.key, 'large', 12345678901234567890123, 'exact', 1.10);
end $$;
"""
SQL = "select place(:order_key::text, :customer::uuid, :total::numeric, :lines::jsonb, :product::text, :quantity::int)"
ANSWERS = Answers(
    ok=(AnswerRule(result="$.success == true"),),
    sold_out=(AnswerRule(sqlstate="P0001"),),
    refused=(AnswerRule(result="$.success == false"), AnswerRule(result="$.place == 5")),
    aborted=(AnswerRule(sqlstate="40001"),),
    unknown=(AnswerRule(result="$.maybe == true"),),
    order_id="$.id",
)
CUSTOMER = str(UUID(int=7))
# "asyncpg" is what all other kinds of driving use; the other two are a load's.
LANES = ("asyncpg", "fast", "in a row")
Attempt = Callable[[Order, int], Awaitable[AttemptEnd]]
_numbers = count(1)


def order(product: str = "plain", key: str = "k1", quantity: int = 2, **other: str) -> Order:
    line = Line(product, quantity, "10.50")
    return Order(key, other.pop("customer", CUSTOMER), (line,), other.pop("total", "21.00"), **other)  # type: ignore[arg-type]


def buyer(target: Target, lane: str, sql: str = SQL, timeout_s: float = 10.0) -> SqlBuyer:
    return SqlBuyer(target, compile_flow(Place(sql=sql)), AnswerBook(ANSWERS), timeout_s, fast=lane != "asyncpg")


def attempt_by(one: SqlBuyer, lane: str) -> Attempt:
    """How a buyer of this lane is asked for one attempt."""
    if lane != "in a row":
        return one.attempt
    return lambda order, attempt: one.attempt_on(order, attempt, lambda end: None)


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedServer]:
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    with Guardian() as guardian, EmbeddedServer(find_binaries(Path(named) if named else None), guardian) as started:
        yield started


@pytest.fixture
async def shop(postgres: EmbeddedServer) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a new database with the function in it."""
    async with Databases(postgres).cloned("template1", f"lanes_{next(_numbers)}") as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(SCHEMA)
            yield connection
        finally:
            await connection.close()


@pytest.fixture
def target(shop: asyncpg.Connection, postgres: EmbeddedServer) -> Target:
    """Where a buyer reaches that database directly."""
    return target_of(postgres, shop._params.database)


def target_of(postgres: EmbeddedServer, database: str, **settings: str) -> Target:
    parts = urlsplit(postgres.dsn(database))
    assert parts.hostname is not None
    assert parts.port is not None
    return Target(parts.hostname, parts.port, parts.username or "", unquote(parts.password or ""), database, settings)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What goes over lent lines."""
    seen: list[bytes] = []
    write = LentLine.write

    def watched(line: LentLine, data: bytes) -> None:
        seen.append(data)
        write(line, data)

    monkeypatch.setattr(LentLine, "write", watched)
    return seen
