"""A buyer whose line breaks, through the real Toxiproxy and with a real server that dies: whichever lane he is on, he
is told the same, and nothing is ever sent twice."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.host.cache import cache_folder
from doorbuster.host.guardian import Guardian
from doorbuster.model.outcome import Outcome
from doorbuster.network.adapter import Proxy
from doorbuster.network.binary import find_toxiproxy
from doorbuster.network.cut_line import CutLine
from doorbuster.network.faults.reset import Reset
from doorbuster.network.relay import relay
from doorbuster.network.server import ToxiproxyServer
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.databases import Databases
from doorbuster.postgres.embedded import EmbeddedServer
from doorbuster.postgres.errors import NoConnection

from tests.drive.sql.conftest import LANES, SCHEMA, attempt_by, buyer, order, target_of
from tests.drive.sql.test_lanes import plain

SHORT_S = 0.4


@pytest.fixture(scope="module")
def toxiproxy() -> Iterator[ToxiproxyServer]:
    with ToxiproxyServer(find_toxiproxy(None, cache_folder()), timeout_s=5) as running:
        yield running


@pytest.fixture
def proxy(toxiproxy: ToxiproxyServer, target: Target) -> Iterator[Proxy]:
    with toxiproxy.proxy("shop", f"{target.host}:{target.port}") as made:
        yield made


@pytest.fixture
def behind(target: Target, proxy: Proxy) -> Target:
    """The shop through the proxy."""
    return replace(target, host=proxy.host, port=proxy.port)


async def ready(target: Target, lane: str, timeout_s: float = 10.0) -> SqlBuyer:
    """A buyer who has placed an order already: whoever is fast is on the lane."""
    one = buyer(target, lane, timeout_s=timeout_s)
    await one.connect()
    assert (await attempt_by(one, lane)(order(key="first"), 1)).outcome is Outcome.OK
    return one


async def placed(shop: asyncpg.Connection, key: str) -> int:
    """How many orders of this key there are, once no buyer's transaction is under way."""
    while await shop.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'doorbuster buyer' "
        "and datname = current_database() and state <> 'idle'"
    ):
        await asyncio.sleep(0.01)
    return int(await shop.fetchval("select count(*) from placed where key = $1", key))


async def cut(
    line: CutLine, behind: Target, lane: str, direction: Any, at_byte: int, *, silently: bool = False
) -> tuple[AttemptEnd, AttemptEnd]:
    """How an order ended whose conversation was cut there, and the same buyer's next one."""
    one = await ready(behind, lane, SHORT_S if silently else 10.0)
    await line.arm(direction, at_byte, silently=silently)
    try:
        end = await attempt_by(one, lane)(order(key="cut"), 2)
    finally:
        await line.disarm()
    after = await attempt_by(one, lane)(order(key="after"), 3)
    one.close()
    return end, after


async def answer_bytes(target: Target, lane: str) -> int:
    """How long the answer is to the order that is to be cut."""
    async with relay(target.host, target.port) as line:
        one = await ready(replace(target, host="127.0.0.1", port=line.port), lane)
        line.forget()
        await attempt_by(one, lane)(order(key="cut"), 2)
        one.close()
        return len(line.down)


async def test_an_answer_cut_at_any_byte_is_unknown_and_its_order_was_placed_once(
    toxiproxy: ToxiproxyServer, proxy: Proxy, behind: Target, target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    length = await answer_bytes(target, lane)
    await shop.execute("truncate placed")
    line = CutLine(toxiproxy.api, proxy)
    # Every byte of it where the parsing is ours; asyncpg's lane shows that the same is expected of both.
    places = range(0, length, 1 if lane == "fast" else 9)
    for at_byte in places:
        end, after = await cut(line, behind, lane, "down", at_byte)
        assert (end.outcome, end.code) == (Outcome.UNKNOWN, "eof"), at_byte
        assert end.message == "connection was closed in the middle of operation"
        assert (after.outcome, after.order_id) == (Outcome.OK, "after")
    assert await placed(shop, "cut") == len(places)
    line.close()


async def test_an_answer_that_is_all_there_counts_though_the_line_ends_behind_it(
    toxiproxy: ToxiproxyServer, proxy: Proxy, behind: Target, target: Target, lane: str
) -> None:
    length = await answer_bytes(target, lane)
    line = CutLine(toxiproxy.api, proxy)
    end, _ = await cut(line, behind, lane, "down", length)  # the next may go out before the end is seen
    assert (end.outcome, end.order_id) == (Outcome.OK, "cut")
    line.close()


@pytest.mark.parametrize("at_byte", [0, 1, 5, 6, 60])
async def test_an_order_cut_on_its_way_is_unknown_and_is_not_sent_again(
    toxiproxy: ToxiproxyServer, proxy: Proxy, behind: Target, shop: asyncpg.Connection, lane: str, at_byte: int
) -> None:
    line = CutLine(toxiproxy.api, proxy)
    end, after = await cut(line, behind, lane, "up", at_byte)
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, "eof")
    assert after.outcome is Outcome.OK
    assert after.connect_us > 0
    assert await placed(shop, "cut") == 0
    line.close()


@pytest.mark.parametrize(("direction", "orders"), [("down", 1), ("up", 0)])
async def test_a_reset_is_told_from_an_end_in_good_order(
    toxiproxy: ToxiproxyServer, proxy: Proxy, behind: Target, shop: asyncpg.Connection, lane: str, direction: str,
    orders: int,
) -> None:  # fmt: skip
    line = CutLine(toxiproxy.api, proxy)
    with Reset().armed(proxy):
        end, after = await cut(line, behind, lane, direction, 0)
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, "reset")
    assert after.outcome is Outcome.OK
    assert await placed(shop, "cut") == orders
    line.close()


@pytest.mark.parametrize(
    ("direction", "at_byte", "orders"), [("down", 0, 1), ("down", 30, 1), ("up", 0, 0), ("up", 40, 0)]
)
async def test_nothing_is_waited_for_longer_than_the_buyer_would(
    toxiproxy: ToxiproxyServer, proxy: Proxy, behind: Target, shop: asyncpg.Connection, lane: str, direction: str,
    at_byte: int, orders: int,
) -> None:  # fmt: skip
    line = CutLine(toxiproxy.api, proxy)
    end, after = await cut(line, behind, lane, direction, at_byte, silently=True)
    assert (end.outcome, end.code, end.message) == (Outcome.UNKNOWN, "timeout", None)
    assert end.backend_pid is not None
    assert after.outcome is Outcome.OK
    assert await placed(shop, "cut") == orders
    line.close()


async def test_a_shop_that_refuses_connections_is_told_and_come_back_to(
    proxy: Proxy, behind: Target, shop: asyncpg.Connection, lane: str
) -> None:
    one = await ready(behind, lane)
    proxy.disable()
    await asyncio.sleep(0.05)
    ends = [await attempt_by(one, lane)(order(key="refused"), n) for n in (2, 3)]
    assert [end.outcome for end in ends] == [Outcome.UNKNOWN] * 2
    assert ends[1].code == "connect_refused"
    proxy.enable()
    assert (await attempt_by(one, lane)(order(key="back"), 4)).order_id == "back"
    assert await placed(shop, "refused") == 0
    one.close()


async def test_who_cannot_even_begin_is_told_where(proxy: Proxy, behind: Target, lane: str) -> None:
    proxy.disable()
    with pytest.raises(NoConnection, match=rf"{behind.host}:{behind.port}: .*\(connect_refused\)"):
        await buyer(behind, lane).connect()


async def test_a_session_that_is_ended_while_it_waits_is_made_anew(
    target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    one = await ready(target, lane)
    before = one.backend_pid
    await shop.fetchval("select pg_terminate_backend($1, 5000)", before)
    await asyncio.sleep(0.05)
    end = await attempt_by(one, lane)(order(key="next"), 2)
    assert (end.outcome, end.order_id) == (Outcome.OK, "next")
    assert end.backend_pid not in (None, before)
    assert end.connect_us > 0
    one.close()


async def test_a_session_that_is_ended_at_work_leaves_its_order_open(
    target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    one = await ready(target, lane)
    attempt = asyncio.ensure_future(attempt_by(one, lane)(order("slow", key="cut"), 2))
    await asyncio.sleep(0.1)
    await shop.fetchval("select pg_terminate_backend($1, 5000)", one.backend_pid)
    end = plain(await attempt)
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, "eof")
    assert end.message is not None
    assert end.message.endswith("terminating connection due to administrator command")
    assert (await attempt_by(one, lane)(order(key="next"), 3)).outcome is Outcome.OK
    one.close()


async def test_a_cancelled_statement_is_an_answer(target: Target, shop: asyncpg.Connection, lane: str) -> None:
    one = await ready(target, lane)
    attempt = asyncio.ensure_future(attempt_by(one, lane)(order("slow", key="cut"), 2))
    await asyncio.sleep(0.1)
    await shop.fetchval("select pg_cancel_backend($1)", one.backend_pid)
    assert (await attempt).code == "57014"
    assert (await attempt_by(one, lane)(order(key="next"), 3)).connect_us == 0
    one.close()


async def test_a_dying_buyer_waits_for_nothing(target: Target, shop: asyncpg.Connection, lane: str) -> None:
    one = await ready(target, lane)
    attempt = asyncio.ensure_future(attempt_by(one, lane)(order("slow", key="cut"), 2))
    await asyncio.sleep(0.1)
    one.die()
    end = plain(await asyncio.wait_for(attempt, 1))
    assert end == AttemptEnd(Outcome.UNKNOWN, None, "eof", "connection was closed in the middle of operation")
    assert one.is_dead


async def test_who_is_stopped_drops_the_line_and_has_nothing_open(
    target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    files = len(list(Path("/proc/self/fd").iterdir()))
    one = await ready(target, lane)
    attempt = asyncio.ensure_future(attempt_by(one, lane)(order("slow", key="cut"), 2))
    await asyncio.sleep(0.1)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert one.backend_pid is None
    await asyncio.sleep(0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) == files


async def test_a_slow_answer_is_given_up_also_where_orders_are_in_a_row(
    target: Target, shop: asyncpg.Connection
) -> None:
    one = await ready(target, "in a row", SHORT_S)
    nexts = iter([(order(key="second"), 3), (order("slow", key="third"), 4)])
    end = await one.attempt_on(order(key="begin"), 2, lambda _: next(nexts, None))
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, "timeout")
    assert await placed(shop, "second") == 1
    one.close()


async def test_each_order_in_a_row_has_all_the_time_a_buyer_gives_one(
    target: Target, shop: asyncpg.Connection
) -> None:
    sql = "select jsonb_build_object('success', true, 'id', :order_key::text) from pg_sleep(0.15)"
    one = buyer(target, "in a row", sql, SHORT_S)
    await one.connect()
    nexts = iter([(order(key=f"k{n}"), n) for n in range(2, 7)])
    assert (await one.attempt_on(order(), 1, lambda _: next(nexts, None))).order_id == "k6"
    one.close()


async def test_an_order_too_long_for_the_line_arrives_whole(
    target: Target, shop: asyncpg.Connection, lane: str
) -> None:
    one = await ready(target, lane)
    wanted = order(key="x" * 20_000_000)
    end = await attempt_by(one, lane)(wanted, 2)
    assert end.outcome is Outcome.OK
    assert await shop.fetchval("select max(length(key)) from placed") == 20_000_000
    assert (await attempt_by(one, lane)(order(key="next"), 3)).order_id == "next"
    one.close()


async def test_a_server_that_is_killed_is_told_alike_and_come_back_to() -> None:
    named = os.environ.get("DOORBUSTER_TEST_PG_BIN")
    with Guardian() as guardian, EmbeddedServer(find_binaries(Path(named) if named else None), guardian) as server:
        await Databases(server).clone("template1", "killed")
        shop = await asyncpg.connect(server.dsn("killed"))
        await shop.execute(SCHEMA)
        found = []
        for lane in LANES:
            one = await ready(target_of(server, "killed"), lane)
            attempt = asyncio.ensure_future(attempt_by(one, lane)(order("slow", key="cut"), 2))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(server.kill)
            ends = [await attempt, await attempt_by(one, lane)(order(key="down"), 3)]
            await asyncio.to_thread(server.restart)
            ends.append(await attempt_by(one, lane)(order(key="up"), 4))
            found.append([(end.outcome, end.order_id, end.code) for end in ends])
            one.close()
    assert found[0] == found[1] == found[2]
    assert [code for _, _, code in found[0]] == ["eof", "connect_refused", None]
