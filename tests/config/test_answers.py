import pytest
from doorbuster.config.answers import Answer, AnswerBook, UnmatchedAnswer, check_rules
from doorbuster.model.contract import AnswerRule, Answers
from doorbuster.model.outcome import Outcome

BOOK = AnswerBook(
    Answers(
        ok=(AnswerRule(result="$.success == true"),),
        sold_out=(AnswerRule(sqlstate="P0001", message="(?i)insufficient stock"),),
        refused=(AnswerRule(result="$.error.code", matches="^bad_"),),
        aborted=(AnswerRule(sqlstate="40001"),),
        order_id="$.order_id",
    )
)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(value={"success": True}), Outcome.OK),
        (Answer(value={"success": False, "error": {"code": "bad_cart"}}), Outcome.REFUSED),
        (Answer(sqlstate="P0001", message="Insufficient stock for product 7"), Outcome.SOLD_OUT),
        (Answer(sqlstate="P0001", message="something else"), Outcome.ERROR),
        (Answer(sqlstate="40001"), Outcome.ABORTED),
        (Answer(sqlstate="57014"), Outcome.ERROR),
        (Answer(sqlstate="57P01"), Outcome.UNKNOWN),
        (Answer(sqlstate="08003"), Outcome.UNKNOWN),
        (Answer(sqlstate="40003"), Outcome.UNKNOWN),
        (Answer(status=503), Outcome.UNKNOWN),
        (Answer(status=404), Outcome.ERROR),
    ],
)
def test_an_answer_has_the_outcome_its_rule_says(answer: Answer, outcome: Outcome) -> None:
    assert BOOK.classify(answer) is outcome


def test_an_answer_that_no_rule_knows_stops_the_run_and_is_quoted() -> None:
    with pytest.raises(UnmatchedAnswer, match="maybe"):
        BOOK.classify(Answer(value={"success": "maybe"}))


def test_a_rule_on_a_result_never_matches_an_error() -> None:
    anything = AnswerBook(Answers(ok=(AnswerRule(),)))
    assert anything.classify(Answer(value=None)) is Outcome.OK
    assert anything.classify(Answer(sqlstate="23505")) is Outcome.ERROR


def test_the_order_id_is_text_or_nothing() -> None:
    assert BOOK.order_id(Answer(value={"order_id": 7})) == "7"
    assert BOOK.order_id(Answer(value={})) is None


def test_rules_that_do_not_compile_are_all_named() -> None:
    bad = Answers(ok=(AnswerRule(result="success"), AnswerRule(message="(")), order_id="$.a == nope")
    assert [key for key, _ in check_rules(bad)] == ["ok.0", "ok.1", "order_id"]
