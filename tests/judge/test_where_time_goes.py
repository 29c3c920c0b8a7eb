"""Where the time goes: shares from samples, exact parts from the history, and silence where too little was seen."""

from pathlib import Path

import pytest
from doorbuster.judge.waits import HIDDEN, NOT_BEGUN, where_time_goes
from doorbuster.model.waits import Waits

from tests.judge.histories import START_US, History, contract_of, opened

OUTSIDE = "outside the server: the network, or the buyer itself"


def slow_orders(number: int, wait: str | None, *, late_ms: float = 0, samples: int = 10, lines: int = 1) -> History:
    """Orders of 100 ms one after the other, all alike: 70 of 100 samples find them at ``wait``, the others outside."""
    history = History({"apple": 1000, "pear": 1000})
    if samples:
        history.tables["samples"].append([START_US - 10_000, 7, "idle", "Client", "ClientRead", None, None])
    for n in range(number):
        cart = [("apple", 1), ("pear", 1)][:lines]
        history.wants(f"k{n}", cart)
        history.tries(64 * (n + 1) + 1, f"k{n}", 1000 * n, 1000 * n + 100, "sold_out", pid=7)
        request = history.tables["requests"][-1]
        request[5] = START_US + 1_000_000 * n - int(late_ms * 1000)  # due
        for i in range(10 * samples):  # also between the orders
            at_us = START_US + 1_000_000 * n + 1000 + 100_000 * i // samples
            kind, event, row = ("Lock", "tuple", wait) if i < 0.7 * samples else ("Client", "ClientRead", None)
            history.tables["samples"].append([at_us, 7, "active", kind, event, row, 8 if row else None])
    return history


def waits(history: History, folder: Path) -> Waits:
    connection = opened(history, folder)
    found = where_time_goes(connection, contract_of(history.rules), {"server_cpu": {"cpu_s": 2.0, "wall_s": 4.0}})
    connection.close()
    assert found is not None
    return found


def shares(found: Waits) -> dict[str, float]:
    return {part.what: round(part.share, 3) for part in found.tail}


def test_the_tails_time_is_split_by_what_samples_met(tmp_path: Path) -> None:
    found = waits(slow_orders(20, "the row of product 7"), tmp_path)
    assert shares(found) == {"waiting for the row of product 7": 0.7, OUTSIDE: 0.3}
    assert found.sentence.startswith("70% (70% to 70%) of the time of the slowest 1 %")
    assert found.sentence.endswith("waiting for the row of product 7")
    assert found.server_cpu_share == 0.5
    (phase,) = found.phases
    assert {part.what: part.samples for part in phase.shares} == {"waiting for the row of product 7": 140, OUTSIDE: 60}


def test_a_server_that_answers_nobody_is_not_made_up_from_other_moments(tmp_path: Path) -> None:
    history = slow_orders(20, "the row of product 7")
    history.wants("still", [("apple", 1)])
    history.tries(64 * 99 + 1, "still", 30_000, 32_000, "sold_out", pid=7)  # no sample was taken for two seconds
    history.tables["samples"].append([START_US + 33_000_000, 7, "idle", "Client", "ClientRead", None, None])
    found = waits(history, tmp_path)
    assert shares(found) == {HIDDEN: 1.0}


def test_what_the_history_knows_is_not_left_to_samples(tmp_path: Path) -> None:
    found = waits(slow_orders(20, "the row of product 7", late_ms=100), tmp_path)
    assert shares(found) == {NOT_BEGUN: 0.5, "waiting for the row of product 7": 0.35, OUTSIDE: 0.15}


@pytest.mark.parametrize(("lines", "what"), [
    (1, "waiting for the row of product apple"), (2, "waiting for a row of products"),
])  # fmt: skip
def test_a_row_that_was_gone_is_told_by_the_cart_only_where_that_is_one_product(
    lines: int, what: str, tmp_path: Path
) -> None:
    assert waits(slow_orders(20, "a row of products", lines=lines), tmp_path).tail[0].what == what


@pytest.mark.parametrize(("orders", "samples", "told"), [(5, 10, "too few slow orders"), (12, 2, "too few samples")])
def test_too_little_is_said_to_be_too_little(orders: int, samples: int, told: str, tmp_path: Path) -> None:
    assert told in waits(slow_orders(orders, "the row of product 7", samples=samples), tmp_path).sentence


def test_nothing_is_said_where_nothing_was_sampled(tmp_path: Path) -> None:
    history = slow_orders(20, None, samples=0)
    connection = opened(history, tmp_path)
    assert where_time_goes(connection, contract_of(history.rules), {}) is None
    connection.close()
