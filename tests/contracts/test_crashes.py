"""Shops of other shapes under a load in which the server is killed."""

from doorbuster.model.verdict import Verdict

from tests.contracts.conftest import Judge, example, violated


def test_a_shop_of_rows_is_killed_under_load_as_any_other(judged: Judge) -> None:
    crash = {"at": "load", "kills": 2}
    result = judged(example("unit_rows"), "crash", crash=crash, checks={"require": ["lost_order", "conservation"]})
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS
    assert result.outcomes["sold_out"] == 0


def test_the_answer_that_is_held_back_is_the_procedures_not_that_of_the_tag_before_it(judged: Judge) -> None:
    crash = {"at": "load", "kills": 2, "aimed": 1}
    result = judged(example("procedure"), "crash", crash=crash, checks={"require": ["duplicate_order"]})
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS
    assert (result.crashes or {})["ambiguous"] == 2
