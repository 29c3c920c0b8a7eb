"""How much is plenty: where every unit is a row, millions of them are more than a database should be given."""

import re

from doorbuster.model.contract import Contract
from doorbuster.model.rates import expected_orders
from doorbuster.model.scenario import Scenario

PLENTY = 1_000_000


def plenty(contract: Contract, needed: int) -> int:
    """Units of a product that never run out; ``needed`` are enough where each is a row."""
    return needed if unit_is_a_row(contract) else PLENTY


def most_needed(scenario: Scenario) -> int | None:
    """Units of a product that a load cannot use up, even if all its orders want that one; None where nobody knows."""
    work = scenario.workload
    if work is None or work.arrivals != "rate":
        return None
    return round(1.1 * sum(map(expected_orders, scenario.phases)) + 100) * work.quantity[1]


def unit_is_a_row(contract: Contract) -> bool:
    """Whether putting N units on the shelf makes N rows: each counts as the same number, or a series makes them."""
    constant = any(re.fullmatch(r"\s*\d+\s*", mapping.quantity) for mapping in contract.stock)
    series = any("generate_series" in sql and ":quantity" in sql for sql in contract.shelves.product)
    return constant or series
