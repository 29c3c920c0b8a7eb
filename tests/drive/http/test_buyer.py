"""A buyer over HTTP against a server that breaks as told: what he is told, and what really goes over the line.

All of it twice: over the line that most kinds of driving use, and over Locust's fast HTTP client, which a load uses.
"""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doorbuster.config.answers import AnswerBook, UnmatchedAnswer
from doorbuster.drive.http.buyer import HttpBuyer
from doorbuster.drive.http.connection import HttpConnection, MakeLine
from doorbuster.drive.http.flow import compile_requests
from doorbuster.drive.sql_buyer import Target
from doorbuster.model.contract import AnswerRule, Answers, HttpPlace, HttpServer, HttpStep
from doorbuster.model.order import Line, Order
from doorbuster.model.outcome import Outcome

SERVER = HttpServer(command=("true",))
ONE = HttpPlace(
    server=SERVER,
    url="/orders?key=:order_key",
    headers={"Idempotency-Key": ":order_key"},
    body='{"who": :customer, "total": :total, "items": :lines, "note": "for :customer"}',
    line='{"id": :product, "n": :quantity, "price": :price}',
)
ANSWERS = Answers(
    ok=(AnswerRule(status=200, result="$.id"),),
    sold_out=(AnswerRule(status=409),),
    order_id="$.id",
)
ORDER = Order("k 1", "c1", (Line("7", 2, "10.50"), Line("p-8", 1, "0.10")), "21.10")
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"id": 5}'
LINE: MakeLine = HttpConnection
Answering = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


@dataclass
class Heard:
    """What a server heard: whole requests, and how many connections there were."""

    target: Target
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def listening(answer: Answering) -> AsyncIterator[Heard]:
    """A server that answers the request with this number, from 0, by ``answer``."""
    heard = Heard(Target("127.0.0.1", 0, "", "", ""))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                heard.requests.append(head + await reader.readexactly(size))
                await answer(writer, len(heard.requests) - 1)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    heard.target = Target("127.0.0.1", server.sockets[0].getsockname()[1], "", "", "")
    try:
        yield heard
    finally:
        server.close()


def saying(*answers: bytes) -> Answering:
    """One answer after the other, the last one for ever; an empty one closes the connection, ``b"RST"`` resets it."""

    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        said = answers[min(number, len(answers) - 1)]
        if said == b"RST":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif said:
            writer.write(said)
        else:
            writer.close()

    return answer


def buyer(heard: Heard, place: HttpPlace = ONE, timeout_s: float = 5.0, answers: Answers = ANSWERS) -> HttpBuyer:
    return HttpBuyer(
        heard.target, compile_requests(place), AnswerBook(answers), timeout_s, keep_alive=place.keep_alive, line=LINE
    )


async def test_a_request_carries_the_order_each_value_as_its_place_wants_it() -> None:
    async with listening(saying(OK)) as heard:
        end = await buyer(heard).attempt(ORDER, 1)
    assert (end.outcome, end.order_id, end.code) == (Outcome.OK, "5", "200")
    head, body = heard.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /orders?key=k%201 HTTP/1.1\r\n")
    assert b"Idempotency-Key: k 1" in head
    assert b"Content-Type: application/json" in head
    assert body == (
        b'{"who": "c1", "total": 21.10, "items": [{"id": 7, "n": 2, "price": 10.50}, '
        b'{"id": "p-8", "n": 1, "price": 0.10}], "note": "for c1"}'
    )


async def test_a_kept_connection_serves_one_order_after_the_other() -> None:
    async with listening(saying(OK)) as heard:
        one = buyer(heard)
        for number in range(3):
            assert (await one.attempt(ORDER, number)).outcome is Outcome.OK
        assert (len(heard.requests), heard.connections) == (3, 1)
        one.close()


async def test_without_keep_alive_each_order_has_a_connection_of_its_own() -> None:
    place = HttpPlace(server=SERVER, url="/", body="{}", keep_alive=False)
    async with listening(saying(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) as heard:
        one = buyer(heard, place)
        for number in range(3):
            assert (await one.attempt(ORDER, number)).outcome is Outcome.OK
        assert heard.connections == 3
        assert all(b"Connection: close" in request for request in heard.requests)


@pytest.mark.parametrize(
    ("said", "code"),
    [(b"", "eof"), (b"RST", "reset"), (b"HTTP/1.1 200 OK\r\nCont", "timeout"), (b"220 no web\r\n\r\n", "no_http")],
)
async def test_a_lost_answer_is_unknown_and_its_request_is_never_sent_twice(said: bytes, code: str) -> None:
    async with listening(saying(OK, said, OK)) as heard:
        one = buyer(heard, timeout_s=0.5)
        assert (await one.attempt(ORDER, 1)).outcome is Outcome.OK  # so the connection is a kept one
        end = await one.attempt(ORDER, 2)
        assert (end.outcome, end.code) == (Outcome.UNKNOWN, code)
        assert len(heard.requests) == 2
        assert (await one.attempt(ORDER, 3)).outcome is Outcome.OK


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(("said", "code"), [(b"", "eof"), (b"RST", "reset")])
async def test_no_method_is_sent_twice_over_a_kept_connection_that_dies(method: str, said: bytes, code: str) -> None:
    place = HttpPlace(server=SERVER, url="/", method=method, body="{}")
    async with listening(saying(OK, said, OK)) as heard:
        one = buyer(heard, place)
        assert (await one.attempt(ORDER, 1)).outcome is Outcome.OK
        end = await one.attempt(ORDER, 2)
        assert (end.outcome, end.code, len(heard.requests)) == (Outcome.UNKNOWN, code, 2)


async def test_a_connection_that_the_server_let_go_of_is_made_anew_before_the_next_order() -> None:
    async def once(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()

    async with listening(once) as heard:
        one = buyer(heard)
        for number in range(3):
            assert (await one.attempt(ORDER, number)).outcome is Outcome.OK
            await asyncio.sleep(0.05)
        assert (len(heard.requests), heard.connections) == (3, 3)


async def test_nobody_is_sent_elsewhere() -> None:
    moved = b"HTTP/1.1 307 Elsewhere\r\nLocation: /orders\r\nContent-Length: 0\r\n\r\n"
    answers = Answers(ok=(AnswerRule(status=200),), refused=(AnswerRule(status=307),))
    async with listening(saying(moved)) as heard:
        assert (await buyer(heard, answers=answers).attempt(ORDER, 1)).outcome is Outcome.REFUSED
        assert len(heard.requests) == 1


async def test_one_customers_cookies_are_not_the_nexts() -> None:
    given = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: who=c1; Path=/\r\n\r\n")
    async with listening(saying(given)) as heard:
        one = buyer(heard)
        for number in range(2):
            assert (await one.attempt(ORDER, number)).outcome is Outcome.OK
        assert not any(b"cookie" in request.lower() for request in heard.requests)


async def test_an_error_page_in_another_alphabet_is_an_answer() -> None:
    said = b"HTTP/1.1 409 No\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Length: 4\r\n\r\n\xfcber"
    async with listening(saying(said)) as heard:
        assert (await buyer(heard).attempt(ORDER, 1)).outcome is Outcome.SOLD_OUT


async def test_half_an_answer_is_none() -> None:
    async def half(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK[:-3])
        writer.close()

    async with listening(half) as heard:
        end = await buyer(heard).attempt(ORDER, 1)
    assert (end.outcome, end.code, end.order_id) == (Outcome.UNKNOWN, "eof", None)


async def test_nobody_there_is_told_as_refused() -> None:
    async with listening(saying(OK)) as heard:
        pass
    end = await buyer(heard).attempt(ORDER, 1)
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, "connect_refused")


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Later", "504 Timeout"])
async def test_a_5xx_without_a_rule_leaves_open_what_happened(status: str) -> None:
    async with listening(saying(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as heard:
        end = await buyer(heard).attempt(ORDER, 1)
    assert (end.outcome, end.code) == (Outcome.UNKNOWN, status[:3])


async def test_any_other_answer_without_a_rule_is_quoted() -> None:
    async with listening(saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnowhere")) as heard:
        with pytest.raises(UnmatchedAnswer, match="404 with nowhere"):
            await buyer(heard).attempt(ORDER, 1)


async def test_a_dying_buyer_waits_for_nothing() -> None:
    async def never(writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(60)

    async with listening(never) as heard:
        one = buyer(heard, timeout_s=60)
        attempt = asyncio.ensure_future(one.attempt(ORDER, 1))
        while not heard.requests:
            await asyncio.sleep(0.01)
        one.die()
        assert (await attempt).outcome is Outcome.UNKNOWN
        assert one.is_dead


async def test_a_later_step_uses_what_an_earlier_one_was_answered() -> None:
    steps = (
        HttpStep(name="create", url="/orders", body='{"who": :customer}'),
        HttpStep(name="pay", url="/orders/:id/pay", method="PUT", body='{"order": :id}'),
    )
    answers = Answers(ok=(AnswerRule(step="pay", status=200),), sold_out=(AnswerRule(step="create", status=409),))
    async with listening(saying(OK)) as heard:
        end = await buyer(heard, HttpPlace(server=SERVER, steps=steps), answers=answers).attempt(ORDER, 1)
    assert end.outcome is Outcome.OK
    assert heard.requests[1].startswith(b"PUT /orders/5/pay ")
    assert heard.requests[1].endswith(b'{"order": 5}')


async def test_a_flow_ends_at_the_first_no() -> None:
    steps = (HttpStep(name="create", url="/a"), HttpStep(name="pay", url="/b"))
    async with listening(saying(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")) as heard:
        end = await buyer(heard, HttpPlace(server=SERVER, steps=steps)).attempt(ORDER, 1)
    assert (end.outcome, len(heard.requests)) == (Outcome.SOLD_OUT, 1)


def test_all_of_it_holds_over_locusts_fast_client_too() -> None:
    command = [sys.executable, "-m", "tests.drive.http.over_locust"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed test_") > 25
