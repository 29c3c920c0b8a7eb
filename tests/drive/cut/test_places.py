"""Which places there are, and what they are called."""

import pytest
from doorbuster.drive.cut.places import Place, parse_place, places
from doorbuster.model.cut import Cut
from doorbuster.network.wire import Conversation, Message
from hypothesis import given
from hypothesis import strategies as st

TALK = Conversation(
    (Message("up", "Bind", 0, 20, 0), Message("up", "Sync", 20, 25, 0)),
    (Message("down", "DataRow", 0, 8, 0), Message("down", "ReadyForQuery", 8, 14, 0)),
)


def named(cut: Cut, start_up: Conversation | None = None) -> list[str]:
    return [place.name for place in places(cut, TALK, start_up)]


def test_by_message_every_boundary_and_both_ends_are_cut() -> None:
    found = named(Cut(kinds=("close",)))
    assert found == ["close up 0", "close up 20", "close up 25", "close down 0", "close down 8", "close down 14"]


def test_by_byte_every_byte_is_cut_and_the_end_once_more() -> None:
    found = named(Cut(step="byte", kinds=("reset",), directions=("down",)))
    assert found == [f"reset down {n}" for n in range(15)]


def test_what_costs_the_buyers_patience_goes_by_message_and_comes_first() -> None:
    found = named(Cut(step="byte", kinds=("close", "blackhole"), directions=("up",)))
    assert found[:3] == ["blackhole up 0", "blackhole up 20", "blackhole up 25"]
    assert len(found) == 3 + 26


def test_the_start_up_is_cut_where_it_is_asked_for() -> None:
    assert not any("start-up" in name for name in named(Cut(), TALK))
    assert "reset start-up down 8" in named(Cut(start_up=True), TALK)


def test_a_single_place_is_all_there_is() -> None:
    assert named(Cut(only="close down 3")) == ["close down 3"]


@given(
    st.sampled_from(["close", "reset", "blackhole", "stall"]), st.sampled_from(["up", "down"]), st.integers(0, 10**6),
    st.booleans(),
)  # fmt: skip
def test_a_places_name_leads_back_to_it(kind: str, direction: str, at_byte: int, start_up: bool) -> None:
    place = Place(kind, direction, at_byte, start_up)  # type: ignore[arg-type]  # drawn from the words
    assert parse_place(place.name) == place


@pytest.mark.parametrize("name", ["", "close", "close down", "close down x", "cut down 3", "close sideways 3"])
def test_what_is_no_place_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="close down 117"):
        parse_place(name)
