from doorbuster.network.http_wire import parse_http
from hypothesis import given
from hypothesis import strategies as st

UP = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}PUT /b HTTP/1.1\r\nHost: x\r\n\r\n"
DOWN = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyesHTTP/1.1 204 No Content\r\n\r\n"


def test_heads_and_bodies_are_told_apart_and_counted_by_exchange() -> None:
    found = parse_http(UP, DOWN)
    assert [(m.name, m.exchange) for m in found.up] == [("POST /a", 0), ("body", 0), ("PUT /b", 1)]
    assert [(m.name, m.exchange) for m in found.down] == [("200 OK", 0), ("body", 0), ("204 No Content", 1)]
    assert found.at("down", found.down[0].end + 1) == "inside body"


def test_what_is_not_whole_is_one_message_to_the_end() -> None:
    assert [m.name for m in parse_http(b"POST /a HTT", b"").up] == ["(no message)"]
    assert parse_http(UP[:-40], b"").length("up") == len(UP) - 40


@given(st.binary(), st.binary())
def test_whatever_came_messages_follow_each_other_without_a_gap(up: bytes, down: bytes) -> None:
    found = parse_http(up + b"\r\n\r\n" + down, down)
    for messages, size in ((found.up, len(up) + 4 + len(down)), (found.down, len(down))):
        ends = [0, *(m.end for m in messages)]
        assert [m.first for m in messages] == ends[:-1]
        assert ends[-1] == size
