"""Bytes into messages: a real conversation's shape, and any bytes at all."""

import struct

from doorbuster.network.wire import BROKEN, Conversation, Message, parse_conversation
from hypothesis import given
from hypothesis import strategies as st


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def start_up(code: int = 196608, body: bytes = b"user\0postgres\0\0") -> bytes:
    return struct.pack("!ii", len(body) + 8, code) + body


ORDER_UP = message(b"B", b"\0" * 20) + message(b"E", b"\0" * 5) + message(b"S")
ORDER_DOWN = message(b"2") + message(b"D", b"x" * 30) + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")


def names(messages: tuple[Message, ...]) -> list[str]:
    return [m.name for m in messages]


def test_an_order_over_a_warm_connection_is_told_message_by_message() -> None:
    found = parse_conversation(ORDER_UP, ORDER_DOWN, start_up=False)
    assert names(found.up) == ["Bind", "Execute", "Sync"]
    assert names(found.down) == ["BindComplete", "DataRow", "CommandComplete", "ReadyForQuery"]
    assert [(m.first, m.end) for m in found.up] == [(0, 25), (25, 35), (35, 40)]
    assert found.length("up") == len(ORDER_UP)
    assert found.length("down") == len(ORDER_DOWN)


def test_each_call_of_a_flow_is_an_exchange_of_its_own() -> None:
    found = parse_conversation(ORDER_UP * 3, ORDER_DOWN * 3, start_up=False)
    assert [m.exchange for m in found.up] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [m.exchange for m in found.down if m.name == "ReadyForQuery"] == [0, 1, 2]


def test_the_start_up_with_scram_is_told_apart() -> None:
    scram = message(b"p", b"SCRAM-SHA-256\0n,,n=") + message(b"p", b"c=biws,r=")
    asked = b"".join(message(b"R", struct.pack("!i", code) + b"x") for code in (10, 11, 12, 0))
    down = b"N" + asked + message(b"S", b"a\0b\0") + message(b"K", b"12345678") + message(b"Z", b"I")
    up = start_up(80877103, b"") + start_up() + scram
    found = parse_conversation(up + ORDER_UP, down + ORDER_DOWN, start_up=True)
    assert names(found.up)[:4] == ["SSLRequest", "StartupMessage", "SASLInitialResponse", "SASLResponse"]
    assert names(found.down)[:5] == [
        "EncryptionResponse", "AuthenticationSASL", "AuthenticationSASLContinue", "AuthenticationSASLFinal",
        "AuthenticationOk",
    ]  # fmt: skip


def test_a_place_is_put_into_words() -> None:
    found = parse_conversation(ORDER_UP, ORDER_DOWN, start_up=False)
    assert found.at("up", 0) == "before the first byte"
    assert found.at("up", 24) == "inside Bind"
    assert found.at("up", 25) == "after Bind"
    assert found.at("down", len(ORDER_DOWN)) == "after ReadyForQuery"


def test_a_torn_message_is_no_message() -> None:
    found = parse_conversation(ORDER_UP[:-1], ORDER_DOWN[:7], start_up=False)
    assert names(found.up) == ["Bind", "Execute", BROKEN]
    assert names(found.down) == ["BindComplete", BROKEN]


def _tiles(found: Conversation, up: bytes, down: bytes) -> None:
    for messages, data in ((found.up, up), (found.down, down)):
        ends = [0, *(m.end for m in messages)]
        assert [m.first for m in messages] == ends[:-1]
        assert all(m.size_bytes > 0 for m in messages)
        assert ends[-1] == len(data)


@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_any_bytes_are_tiled_without_gap_or_overlap(up: bytes, down: bytes, from_start: bool) -> None:
    _tiles(parse_conversation(up, down, start_up=from_start), up, down)


@given(st.data())
def test_a_flipped_byte_moves_no_boundary_before_it(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(ORDER_DOWN) - 1))
    broken = bytearray(ORDER_DOWN)
    broken[position] = data.draw(st.integers(0, 255))
    found = parse_conversation(b"", bytes(broken), start_up=False)
    _tiles(found, b"", bytes(broken))
    whole = parse_conversation(b"", ORDER_DOWN, start_up=False).down
    before = [m.end for m in whole if m.end <= position]
    assert [m.end for m in found.down][: len(before)] == before
