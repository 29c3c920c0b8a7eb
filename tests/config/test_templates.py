import json

import pytest
from doorbuster.config.templates import Verbatim, kind_of_body, parse_template, unknown_in_template
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('{"a": :a}', '{"a": "x \\"y\\""}'),
        ('{"a": ":a"}', '{"a": "x \\"y\\""}'),
        ('{"a":":a","n"::n}', '{"a":"x \\"y\\"","n"::n}'),
        ('{"n": :n}', '{"n": 1.50}'),
        ('{"n": ":n"}', '{"n": "1.50"}'),
        ('{"none": :none, "t":true}', '{"none": null, "t":true}'),
        ('{"urn": "urn:isbn", "time": "12:30"}', '{"urn": "urn:isbn", "time": "12:30"}'),
    ],
)
def test_a_parameter_in_json_is_a_value_or_text(text: str, filled: str) -> None:
    values = {"a": 'x "y"', "n": Verbatim("1.50"), "none": None}
    assert parse_template(text, "json").filled(values) == filled


def test_a_url_is_percent_encoded_and_a_header_is_not() -> None:
    assert parse_template("/orders/:key?x=:key", "url").filled({"key": "a/b c"}) == "/orders/a%2Fb%20c?x=a%2Fb%20c"
    assert parse_template("Bearer :key", "text").filled({"key": "a/b c"}) == "Bearer a/b c"


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="order_id"):
        parse_template("/orders/:order_id", "url").filled({})


def test_an_unknown_parameter_is_told_with_its_line() -> None:
    assert unknown_in_template('{\n"a": :customer,\n"b": :nobody\n}', "json", ["customer"]) == [("nobody", 3)]


@pytest.mark.parametrize(
    ("header", "kind"),
    [(None, "json"), ("application/json; charset=utf-8", "json"), ("application/x-www-form-urlencoded", "url"),
     ("text/plain", "text")],
)  # fmt: skip
def test_a_body_is_written_as_its_content_type_says(header: str | None, kind: str) -> None:
    assert kind_of_body({} if header is None else {"content-type": header}) == kind


@given(st.text(), st.integers(), st.booleans())
def test_whatever_the_values_a_json_body_stays_json(text: str, number: int, flag: bool) -> None:
    template = parse_template('{"a": :a, "b": ":a and :n", "n": :n, "f": :f, "l": [:a, :n]}', "json")
    read = json.loads(template.filled({"a": text, "n": number, "f": flag}))
    assert read == {"a": text, "b": f"{text} and {number}", "n": number, "f": flag, "l": [text, number]}
