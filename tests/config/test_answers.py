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


@pytest.mark.parametrize("status", [200, 302, 400, 404])
def test_an_http_answer_that_no_rule_knows_is_quoted(status: int) -> None:
    book = AnswerBook(Answers(ok=(AnswerRule(status=201),)))
    with pytest.raises(UnmatchedAnswer, match=f"matches {status} with no such page"):
        book.classify(Answer(step="place", status=status, message="no such page"))


def test_a_rule_may_ask_for_a_status_and_for_what_the_body_says() -> None:
    rule = AnswerRule(status=400, result='$.code == "P0001"')
    book = AnswerBook(Answers(ok=(AnswerRule(status=200),), sold_out=(rule,), refused=(AnswerRule(status=400),)))
    assert book.classify(Answer(status=400, value={"code": "P0001"})) is Outcome.SOLD_OUT
    assert book.classify(Answer(status=400, value={"code": "22023"})) is Outcome.REFUSED
