"""Where every unit is a row, nobody puts millions of them on the shelves."""

from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, violated


def test_a_shop_of_rows_is_killed_under_load_as_any_other(judged: Judge) -> None:
    crash = {"at": "load", "kills": 2}
    result = judged(example("unit_rows"), "crash", crash=crash, checks={"require": ["lost_order", "conservation"]})
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS
    assert result.outcomes["sold_out"] == 0
