"""Crowds spelled in a line of text, and read back."""

import pytest
from doorbuster.drive.interleave.drawing import workloads
from doorbuster.model.crowd import NotACrowd, Shape, spell, spelled
from hypothesis import given
from hypothesis import strategies as st


def test_a_line_spells_stock_carts_and_who_sends_whose_order() -> None:
    assert spelled("3a 1b: 2a 1b, 1b, as 1") == Shape(
        (3, 1), (((0, 2), (1, 1)), ((1, 1),), ((0, 2), (1, 1))), again=(0, 1, 0)
    )
    assert spelled("1a: 1a, 1a") == Shape((1,), (((0, 1),), ((0, 1),)))
    assert not spelled("1a: 1a, 1a").repeats
    assert spelled("1a: 1a, as 1").repeats


@given(st.booleans().flatmap(lambda many: workloads(4, many_lines=many, repeats=True)))
def test_what_is_drawn_can_be_spelled_and_read_back(shape: Shape) -> None:
    assert spelled(spell(shape)) == shape
    assert 2 <= len(shape.carts) <= 4


@given(workloads(3, many_lines=False, repeats=False))
def test_nothing_is_drawn_that_the_shops_buyers_cannot_ask_for(shape: Shape) -> None:
    assert not shape.repeats
    assert {len(cart) for cart in shape.carts} == {1}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("last_units", "is no crowd"),
        ("1a 1a: 1a, 1a", "each once"),
        ("1b: 1b, 1b", "call the products"),
        ("1a: 1a", "2 to 4 buyers"),
        ("1a: 1a, 1a, 1a, 1a, 1a", "2 to 4 buyers"),
        ("1a: 1a, 1b", "not in stock"),
        ("1a: 1a, 0a", "asks for nothing"),
        ("1a: 1a, 1a 2a", "twice"),
        ("1a: as 1, 1a", "no such buyer"),
        ("1a: 1a, as 2", "no such buyer"),
        ("1a: 1a, ", "no list of units"),
        ("a: 1a, 1a", "no list of units"),
    ],
)
def test_what_spells_no_crowd_is_refused_with_its_reason(text: str, word: str) -> None:
    with pytest.raises(NotACrowd, match=word):
        spelled(text)
