"""Hypothesis looks for the workload, and whoever explores it for the schedule."""

import time
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, seed
from hypothesis import strategies as st

from doorbuster.drive.searching import TimeIsUp, search_settings
from doorbuster.model.crowd import Shape, Units

PRODUCTS = 3
MOST_UNITS = 3
MOST_STOCK = 5


class LooksWrong(AssertionError):
    """The shop seems to have done something wrong: what Hypothesis catches and shrinks."""


def workloads(buyers: int, *, many_lines: bool, repeats: bool) -> st.SearchStrategy[Shape]:
    """Two to ``buyers`` buyers, up to three lines each (one, unless ``many_lines``), some of the same order (only where
    the shop's client ``repeats`` one), before shelves with little on them."""
    products = range(PRODUCTS if many_lines else 1)
    units = st.integers(1, MOST_UNITS)
    carts = st.lists(
        st.tuples(st.sampled_from(products), units), min_size=1, max_size=len(products), unique_by=lambda line: line[0]
    ).map(tuple)
    crowds = st.lists(st.tuples(carts, st.booleans() if repeats else st.just(False)), min_size=2, max_size=buyers)
    stock = st.lists(st.integers(0, MOST_STOCK), min_size=len(products), max_size=len(products))
    return st.builds(_shape, stock, crowds)


def _shape(stock: list[int], crowd: list[tuple[Units, bool]]) -> Shape:
    """Products that nobody wants are left out; who repeats sends the order of whoever came before him."""
    again: list[int] = []
    for buyer, (_, repeats) in enumerate(crowd):
        again.append(again[-1] if repeats and again else buyer)
    wanted = sorted({product for buyer in again for product, _ in crowd[buyer][0]})
    carts = tuple(tuple((wanted.index(product), units) for product, units in crowd[buyer][0]) for buyer in again)
    all_differ = len(set(again)) == len(again)
    return Shape(tuple(stock[product] for product in wanted), carts, () if all_differ else tuple(again))


def draw(
    strategy: st.SearchStrategy[Shape], looks_wrong: Callable[[Shape], bool], examples: int, shrink_s: float,
    chosen: int,
) -> None:  # fmt: skip
    """Draw ``examples`` workloads with the seed ``chosen``, and shrink one that looks wrong for ``shrink_s`` at most.

    Blocks. Whatever is asked twice is answered from memory.
    """
    known: dict[Shape, bool] = {}
    deadline: list[float] = []

    @seed(chosen)
    @search_settings(examples)
    @given(strategy)
    def search(shape: Shape) -> None:
        if deadline and time.monotonic() > deadline[0]:
            raise TimeIsUp
        if shape not in known:
            known[shape] = looks_wrong(shape)
        if known[shape]:
            if not deadline:
                deadline.append(time.monotonic() + shrink_s)
            raise LooksWrong

    with suppress(LooksWrong, TimeIsUp):
        search()
