"""Which products a cart holds, and who orders."""

from collections import Counter
from random import Random

import pytest
from doorbuster.drive.choice import Choice
from doorbuster.drive.workload import Orders, ShelfItem
from doorbuster.model.scenario import Workload

ITEMS = [ShelfItem(str(n), "10.50", 9) for n in range(20)]


def drawn(number: int, **settings: object) -> Counter[str]:
    workload = Workload(arrivals="rate", buyers=1, stock=1, products=20, **settings)  # type: ignore[arg-type]
    choice, random = Choice(workload, len(ITEMS)), Random(3)
    return Counter(item.product for _ in range(number) for item in choice.sample(ITEMS, 1, random))


def test_alike_products_are_drawn_alike() -> None:
    found = drawn(20_000)
    assert all(900 < found[str(n)] < 1100 for n in range(20))


def test_by_zipf_the_first_is_drawn_twice_as_often_as_the_second() -> None:
    found = drawn(20_000, popularity="zipf")
    assert found["0"] / found["1"] == pytest.approx(2, rel=0.1)
    assert found["0"] / found["9"] == pytest.approx(10, rel=0.2)


def test_hot_ones_have_their_share() -> None:
    found = drawn(20_000, popularity="hot", hot=2, hot_share=0.7)
    assert (found["0"] + found["1"]) / 20_000 == pytest.approx(0.7, rel=0.03)
    assert all(found[str(n)] for n in range(20))


@pytest.mark.parametrize("settings", [{"skew": 30.0}, {"popularity": "hot", "hot_share": 1.0}])
def test_a_cart_of_every_product_ends_however_lopsided_the_choice(settings: dict[str, object]) -> None:
    shape = {"popularity": "zipf", **settings}
    workload = Workload(arrivals="rate", buyers=1, stock=1, products=20, **shape)  # type: ignore[arg-type]
    cart = Choice(workload, len(ITEMS)).sample(ITEMS, 20, Random(1))
    assert len({item.product for item in cart}) == 20


def test_regular_customers_come_again_and_others_never() -> None:
    workload = Workload(arrivals="rate", buyers=1, stock=1, products=20, repeat=0.5, regulars=10)
    orders = Orders(workload, ITEMS, Random(2))
    customers = Counter(orders.next().customer for _ in range(2000))
    regulars = [n for n in customers.values() if n > 1]
    assert len(regulars) == 10
    assert sum(regulars) == pytest.approx(1000, rel=0.1)
