"""A buyer's answers over the fast lane of a load, beside those over asyncpg: the same in every word."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from doorbuster.config.answers import AnswerBook, UnmatchedAnswer
from doorbuster.drive.flow import compile_flow
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.model.contract import AnswerRule, Place
from doorbuster.model.order import Order
from doorbuster.model.outcome import Outcome

from tests.drive.sql.conftest import ANSWERS, LANES, SQL, attempt_by, buyer, order

ANSWERED = (
    "plain", "sold out", "refused", "uncertain", "scalar", "talkative", "big", "ends its session", "raises 40001",
    "raises 25P02", "raises 08006", "raises 08000", "raises 57014", "raises 57P01", "raises 40003", "raises XX000",
    "raises 0A000", "raises ZZ999", "raises 08ABC",
)  # fmt: skip
# What the server is sent as text, and what it had better not be.
VALUES: dict[str, Order] = {
    "words": order(key="ключ 🛒 \" ' \\ \n\t"),
    "an empty key": order(key=""),
    "cents": order(total="-0.00"),
    "many digits": order(total="123456789012345678901234567890.123456789"),
    "more digits than are asked over the lane": order(total="9" * 200),
    "an exponent": order(total="1E+5"),
    "no total": order(blank="total"),
    "no quantity": order(blank="quantity"),
    "no product": order(blank="product"),
    "less than none": order(quantity=-2),
    "as many as there can be": order(quantity=2**31 - 1),
    "more than there can be": order(quantity=2**31),
    "far more": order(quantity=10**30),
    "a customer in capitals": order(customer="ABCDEF00-0000-4000-8000-00000000000A"),
    "a customer who is none": order(customer="somebody"),
    "a NUL": order(key="a\0b"),
    "half a character": order(key="\ud83d"),
    "an infinite total": order(total="Infinity"),
    "spaces around": order(total=" 21.00 "),
}


def plain(end: AttemptEnd) -> AttemptEnd:
    """Without what must differ between two connections."""
    return end._replace(backend_pid=None, connect_us=0)


async def told(target: Target, lane: str, *orders: Order) -> tuple[list[Any], SqlBuyer]:
    one = buyer(target, lane)
    await one.connect()
    ends: list[Any] = []
    for number, wanted in enumerate(orders, 1):
        try:
            ends.append(plain(await attempt_by(one, lane)(wanted, number)))
        except Exception as problem:
            ends.append((type(problem), str(problem)))
    return ends, one


async def rows(shop: asyncpg.Connection) -> list[tuple[Any, ...]]:
    found = await shop.fetch("select key, customer, total::text, lines, product, quantity from placed order by number")
    return [tuple(row) for row in found]


@pytest.mark.parametrize("product", ANSWERED)
async def test_every_answer_is_told_alike_and_the_next_order_goes_on(
    target: Target, shop: asyncpg.Connection, sent: list[bytes], product: str
) -> None:
    found, left = [], []
    for lane in LANES:
        await shop.execute("truncate placed restart identity")
        ends, one = await told(target, lane, order(), order(product), order(key="k3"), order(key="k4"))
        one.close()
        found.append(ends)
        left.append(await rows(shop))
    assert found[0] == found[1] == found[2]
    assert left[0] == left[1] == left[2]
    assert found[0][0] == found[0][3]._replace(order_id="k1") == AttemptEnd(Outcome.OK, "k1")
    assert len(sent) >= 4


async def test_what_an_error_says_is_all_there(target: Target, lane: str) -> None:
    (_, end), one = await told(target, lane, order(), order("sold out"))
    assert end == AttemptEnd(
        Outcome.SOLD_OUT, None, "P0001", "sold out: k1\nDETAIL:  none left\nHINT:  come again"
    )  # fmt: skip
    one.close()


@pytest.mark.parametrize("product", ["nothing", "raises P0002"])
async def test_what_the_contract_does_not_know_is_told_alike(target: Target, product: str) -> None:
    found = []
    for lane in LANES:
        ends, one = await told(target, lane, order(), order(product), order(key="k3"))
        one.close()
        found.append(ends)
    assert found[0] == found[1] == found[2]
    if product == "nothing":
        assert found[0][1][0] is UnmatchedAnswer


@pytest.mark.parametrize("name", VALUES)
async def test_every_value_arrives_alike_or_is_refused_alike(
    target: Target, shop: asyncpg.Connection, sent: list[bytes], name: str
) -> None:
    found, left = [], []
    for lane in LANES:
        await shop.execute("truncate placed restart identity")
        ends, one = await told(target, lane, order(), VALUES[name], order(key="k3"))
        one.close()
        found.append(ends)
        left.append(await rows(shop))
    assert found[0] == found[1] == found[2]
    assert left[0] == left[1] == left[2]
    assert len(sent) >= 4  # what comes before and after a value that is not for the lane goes over it


async def test_numbers_of_an_answer_keep_their_digits(target: Target, lane: str) -> None:
    book = AnswerBook(replace(ANSWERS, order_id="$.large"))
    one = SqlBuyer(target, compile_flow(Place(sql=SQL)), book, 5.0, fast=lane != "asyncpg")
    await one.connect()
    assert (await attempt_by(one, lane)(order(), 1)).order_id == "12345678901234567890123"
    one.close()


async def test_the_session_is_as_told(target: Target, lane: str) -> None:
    settings = {"search_path": '"a b", public', "doorbuster.odd": "it's a \\ \"quoted\" one = two -c"}
    one = buyer(
        replace(target, settings=settings), lane,
        "select jsonb_build_object('success', true, 'id', current_setting('search_path') || "
        "current_setting('doorbuster.odd') || current_setting('application_name')) from (select :order_key::text) as k",
    )  # fmt: skip
    await one.connect()
    end = await attempt_by(one, lane)(order(), 1)
    assert end.order_id == '"a b", public' + settings["doorbuster.odd"] + "doorbuster buyer"
    one.close()


async def test_attempts_are_tagged_and_one_backend_serves_them(
    target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    await shop.execute("select pg_create_logical_replication_slot('tags', 'test_decoding')")
    try:
        one = buyer(target, lane)
        await one.connect()
        pids = {(await attempt_by(one, lane)(order(key=f"k{n}"), n)).backend_pid for n in range(1, 4)}
        found = await shop.fetch("select data from pg_logical_slot_get_changes('tags', null, null)")
    finally:
        await shop.execute("select pg_drop_replication_slot('tags')")
    assert pids == {one.backend_pid}
    tags = [row["data"].split("content:")[1] for row in found if "content:" in row["data"]]
    assert tags == ["a1", "a2", "a3"]
    one.close()


@pytest.mark.parametrize(
    "sql",
    [
        "select true as success, 'k1' as id",  # two columns
        "select row_to_json(r)::text::jsonb as a, 1 as success from (select 1) as r",
        "insert into placed (key) values (:order_key) returning true as success",  # one, and no JSON
        "select jsonb_build_object('success', true) from (select :total::float4) as k",  # no exact text
        "select jsonb_build_object('success', true) from (select :order_key::name) as k",
    ],
)
async def test_what_is_not_for_the_lane_goes_through_asyncpg(
    target: Target, sent: list[bytes], lane: str, sql: str
) -> None:
    answers = replace(ANSWERS, ok=(AnswerRule(result="$.success"),))
    one = SqlBuyer(target, compile_flow(Place(sql=sql)), AnswerBook(answers), 5.0, fast=lane != "asyncpg")
    await one.connect()
    assert (await attempt_by(one, lane)(order(), 1)).outcome is Outcome.OK
    assert sent == []
    one.close()


async def test_orders_in_a_row_are_each_told_and_the_last_is_returned(
    target: Target, shop: asyncpg.Connection, sent: list[bytes]
) -> None:
    one = buyer(target, "in a row")
    await one.connect()
    wanted = [order(key=f"k{n}") for n in range(1, 6)]
    ends: list[AttemptEnd] = []

    def ended(end: AttemptEnd) -> tuple[Order, int] | None:
        if len(ends) == 4:
            return None
        ends.append(end)
        return wanted[len(ends)], len(ends) + 1

    last = await one.attempt_on(wanted[0], 1, ended)
    assert [end.order_id for end in (*ends, last)] == [one.order_key for one in wanted]
    assert [row[0] for row in await rows(shop)] == [one.order_key for one in wanted]
    assert len(sent) == 5
    one.close()


@pytest.mark.parametrize("product", ["sold out", "raises 40001", "uncertain", "ends its session", "raises P0002"])
async def test_a_row_ends_with_what_is_no_plain_answer(
    target: Target, shop: asyncpg.Connection, sent: list[bytes], product: str
) -> None:
    (_, end), alone = await told(target, "asyncpg", order(), order(product, "k2"))
    alone.close()
    await shop.execute("truncate placed restart identity")
    one = buyer(target, "in a row")
    await one.connect()
    seen: list[AttemptEnd] = []

    def ended(end: AttemptEnd) -> tuple[Order, int] | None:
        seen.append(end)
        return order(product, "k2"), 2

    assert plain(await one.attempt_on(order(), 1, ended)) == end
    assert [one.order_id for one in seen] == ["k1"]
    assert len(sent) == 2
    one.close()


async def test_an_order_in_a_row_that_is_not_for_the_lane_is_asked_once_through_asyncpg(
    target: Target, shop: asyncpg.Connection, sent: list[bytes]
) -> None:
    one = buyer(target, "in a row")
    await one.connect()
    nexts = iter([(order(key="k2", blank="total"), 2)])
    end = await one.attempt_on(order(), 1, lambda _: next(nexts, None))
    assert (end.outcome, end.order_id) == (Outcome.OK, "k2")
    assert [row[0] for row in await rows(shop)] == ["k1", "k2"]
    assert len(sent) == 1
    one.close()


async def test_who_cannot_say_what_is_next_fails_and_not_the_order(target: Target, shop: asyncpg.Connection) -> None:
    def ended(_: AttemptEnd) -> tuple[Order, int] | None:
        raise OSError("disk full")

    one = buyer(target, "in a row")
    await one.connect()
    with pytest.raises(RuntimeError, match="OSError: disk full"):
        await one.attempt_on(order(), 1, ended)
    assert len(await rows(shop)) == 1
    one.close()
