import pytest
from doorbuster.config.parameters import parse_parameters, unknown_parameters


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select :a::int, :b, :a", ("a", "b", "a")),
        ("select ':a', E'\\':b', \":c\", $$ :d $$, $x$ :e $$ :f $x$", ()),
        ("select 1 -- :a\n, :b", ("b",)),
        ("select /* :a /* :b */ :c */ :d", ("d",)),
        ("x := :a", ("a",)),
        ("select v[1:n], v[:n], v[lo:hi], f(x)[1:n]", ()),
        ("select array[:a::int, :b]", ("a", "b")),
        ("select 'it''s :a', :b", ("b",)),
        ("select /* open :a", ()),
    ],
)
def test_only_real_parameters_are_found(sql: str, names: tuple[str, ...]) -> None:
    assert parse_parameters(sql).names == names


def test_each_occurrence_gets_a_number_of_its_own() -> None:
    assert parse_parameters("f(:a::int, :a::text)", first=2).sql == "f($2::int, $3::text)"


def test_an_unknown_parameter_is_named_with_its_line() -> None:
    assert unknown_parameters("select :a,\n :typo", ["a"]) == [("typo", 2)]
