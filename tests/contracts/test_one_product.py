"""A shop of one product an order is asked for one line, by every kind that draws carts."""

from typing import Any

import pytest
from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, violated

LOAD = {
    "workload": {"arrivals": "rate", "buyers": 4, "products": 10, "stock": 100, "lines": [2, 4]},
    "phases": [{"name": "steady", "duration_s": 1, "rate": 20}],
}
KINDS: dict[str, dict[str, Any]] = {
    "cut": {"cut": {"kinds": ["close"], "directions": ["down"]}},
    "crash": {"crash": {"kinds": ["cancel"]}},
    "load": LOAD,
}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_misses_lines_that_were_never_sent(judged: Judge, kind: str) -> None:
    result = judged(example("scalar_item"), kind, checks={"require": ["partial_order"]}, **KINDS[kind])
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS
