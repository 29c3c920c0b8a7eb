"""From what came back to an outcome, by the contract's rules."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from doorbuster.model.contract import AnswerRule, Answers
from doorbuster.model.outcome import Outcome

# 57P0x: the session or server was ended; 40003: completion unknown; 08: connection trouble. The server itself says that
# it does not know, or a driver made the code up after the line went dead.
_INDEFINITE = re.compile(r"57P01|57P02|57P03|40003|08...")
_PATH = re.compile(r"\$((?:\.\w+|\.\"[^\"]+\"|\[\d+\])*)\s*(?:(==|!=|>=|<=|>|<)\s*(.+))?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    ">": lambda a, b: bool(a > b),
    "<": lambda a, b: bool(a < b),
    ">=": lambda a, b: bool(a >= b),
    "<=": lambda a, b: bool(a <= b),
}
_MISSING = object()


class Answer(NamedTuple):
    """What a step of a flow was answered with: a ``value`` of JSON types, or an error by its ``sqlstate``.

    Over HTTP ``status`` is always there, ``message`` is the body's text, and ``value`` what it says
    as JSON, if it does.
    """

    step: str = ""
    value: Any = None
    sqlstate: str | None = None
    status: int | None = None
    message: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the answer is an error of the database, or of HTTP."""
        return self.sqlstate is not None or (self.status is not None and self.status >= 400)


class UnmatchedAnswer(Exception):
    """An answer that no rule of the contract knows, and that does not speak for itself: the contract is incomplete."""

    def __init__(self, answer: Answer) -> None:
        told = json.dumps(answer.value, default=str)
        if answer.status is not None:
            step = f" to {answer.step!r}" if answer.step not in ("", "place") else ""
            told = f"{answer.status}{step} with {answer.message or 'an empty body'}"
        super().__init__(f"no rule in [answers] matches {told[:500]}")
        self.answer = answer


class AnswerBook:
    """A contract's rules, compiled.

    Raises:
        ValueError: at construction, for a bad regular expression or path; the message names it.
    """

    def __init__(self, answers: Answers) -> None:
        named = {
            Outcome.OK: answers.ok,
            Outcome.SOLD_OUT: answers.sold_out,
            Outcome.REFUSED: answers.refused,
            Outcome.ABORTED: answers.aborted,
            Outcome.UNKNOWN: answers.unknown,
        }
        self._rules = [(outcome, _compiled(rule)) for outcome, rules in named.items() for rule in rules]
        self._of_steps = [
            (outcome, rule.step, _compiled(rule)) for outcome, rules in named.items() for rule in rules
            if rule.step is not None
        ]
        self._order_id = _path(answers.order_id) if answers.order_id else None

    def classify(self, answer: Answer) -> Outcome:
        """The outcome of an attempt whose last answer is ``answer``.

        Raises:
            UnmatchedAnswer: no rule matches, and it is neither an error of the database nor a 5xx, which leaves open
                what happened.
        """
        for outcome, matches in self._rules:
            if matches(answer):
                return outcome
        if answer.sqlstate is not None:
            return Outcome.UNKNOWN if _INDEFINITE.fullmatch(answer.sqlstate) else Outcome.ERROR
        if answer.status is not None and answer.status >= 500:
            return Outcome.UNKNOWN
        raise UnmatchedAnswer(answer)

    def stops(self, answer: Answer) -> Outcome | None:
        """The outcome when a flow ends at a step before its last, by a rule that names the step; None: it goes on."""
        for outcome, step, matches in self._of_steps:
            if step == answer.step and matches(answer):
                return outcome
        return None

    def order_id(self, answer: Answer) -> str | None:
        """The order's id in a good answer, as text; None where the contract does not say or the answer has none."""
        value = self._order_id(answer.value) if self._order_id else None
        return None if value is None or value is _MISSING else str(value)


def check_rules(answers: Answers) -> list[tuple[str, str]]:
    """Every rule that does not compile, as (key below ``answers``, message)."""
    mistakes = []
    for name in ("ok", "sold_out", "refused", "aborted", "unknown"):
        for number, rule in enumerate(getattr(answers, name)):
            try:
                _compiled(rule)
            except ValueError as problem:
                mistakes.append((f"{name}.{number}", str(problem)))
    if answers.order_id:
        try:
            _path(answers.order_id)
        except ValueError as problem:
            mistakes.append(("order_id", str(problem)))
    return mistakes


def _compiled(rule: AnswerRule) -> Callable[[Answer], bool]:
    exact = ("sqlstate", "status", "step")
    tests = [_equals(name, getattr(rule, name)) for name in exact if getattr(rule, name) is not None]
    if rule.message is not None:
        tests.append(_message_test(_regex(rule.message)))
    if rule.result is not None:
        tests.append(_result_test(rule.result, rule.matches))
    elif rule.matches is not None:
        raise ValueError("'matches' needs 'result', the path whose value it is to match")
    if rule.sqlstate is None and rule.status is None and rule.message is None:
        tests.append(lambda a: not a.is_error)
    return _all_of(tests)


def _all_of(tests: list[Callable[[Answer], bool]]) -> Callable[[Answer], bool]:
    """Asked for every answer of a load: as few steps as there are tests."""
    if len(tests) == 1:
        return tests[0]
    first, rest = tests[0], _all_of(tests[1:])
    return lambda answer: first(answer) and rest(answer)


def _equals(name: str, wanted: object) -> Callable[[Answer], bool]:
    return lambda answer: bool(getattr(answer, name) == wanted)


def _message_test(pattern: re.Pattern[str]) -> Callable[[Answer], bool]:
    return lambda answer: bool(pattern.search(answer.message))


def _result_test(expression: str, matches: str | None) -> Callable[[Answer], bool]:
    value_of = _path(expression)
    if matches is None:
        return lambda a: value_of(a.value) not in (None, False, _MISSING)
    pattern = _regex(matches)
    return lambda a: (value := value_of(a.value)) is not _MISSING and bool(pattern.search(_text(value)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"{pattern!r} is no regular expression: {problem}") from None


def _path(expression: str) -> Callable[[Any], Any]:
    """A function from a JSON value to what ``$.a.b[0]`` or ``$.a == literal`` says of it."""
    match = _PATH.fullmatch(expression.strip())
    if match is None:
        raise ValueError(f"{expression!r} is no path; write for example '$.success == true' or '$.order_id'")
    parts = re.findall(r'\.(\w+)|\."([^"]+)"|\[(\d+)\]', match[1])
    keys = [int(position) if position else quoted or name for name, quoted, position in parts]
    if match[2] is None:
        return lambda value: _walk(value, keys)
    try:
        literal = json.loads(match[3])
    except json.JSONDecodeError:
        raise ValueError(f"{match[3]!r} in {expression!r} is no JSON literal; strings want double quotes") from None
    compare = _COMPARE[match[2]]
    return lambda value: _compared(compare, _walk(value, keys), literal)


def _compared(compare: Callable[[Any, Any], bool], value: Any, literal: Any) -> bool:
    try:
        return value is not _MISSING and compare(value, literal)
    except TypeError:  # 'a' < 1: a comparison across types holds for none
        return False


def _walk(value: Any, keys: list[Any]) -> Any:
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return value
