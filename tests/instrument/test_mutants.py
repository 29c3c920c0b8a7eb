"""Small changes of a PL/pgSQL function: which there are, and that each is a function still."""

from collections import Counter

import pytest
from doorbuster.host.resources import resource
from doorbuster.instrument.mutants import Mutant, mutants_of
from doorbuster.instrument.words import terms, words
from pglast import parse_plpgsql, parse_sql

HEAD = "create or replace function f(a jsonb) returns jsonb language plpgsql as $$"


def mutants(body: str) -> tuple[Mutant, ...]:
    return mutants_of("f(jsonb)", f"{HEAD}{body}$$", body)


def changes(body: str, operator: str) -> list[str]:
    return [m.becomes for m in mutants(body) if m.operator == operator]


def in_body(statement: str) -> str:
    return f"declare shelf record; n int; begin\n{statement}\nreturn null; end"


LOCKED = in_body("select price, stock into shelf from products p where id = 3 for no key update of p;")


@pytest.mark.parametrize(
    ("operator", "statement", "expected"),
    [
        ("drop lock", "perform 1 from t where id = 3 for update;", ["perform 1 from t where id = 3 ;"]),
        ("weaken lock", "perform 1 from t for update;",
         ["perform 1 from t for share;", "perform 1 from t for key share;"]),
        ("lock nowait", "perform 1 from t for update;", ["perform 1 from t for update nowait;"]),
        ("lock skip locked", "perform 1 from t for update nowait;",
         ["perform 1 from t for update nowait skip locked;"]),
        ("drop order by", "perform 1 from t order by id for update;", ["perform 1 from t for update;"]),
        ("shift comparison", "if n < 2 then n := 1; end if;", ["if n <= 2 then n := 1; end if;"]),
        ("invert comparison", "if n < 2 then n := 1; end if;", ["if n > 2 then n := 1; end if;"]),
        ("invert test", "if not found then n := 1; end if;", ["if found then n := 1; end if;"]),
        ("drop where", "delete from t where id = 3;", ["delete from t ;"]),
        ("drop term", "delete from t where a = 1 and b = 2;",
         ["delete from t where b = 2;", "delete from t where a = 1 ;"]),
        ("drop on conflict", "insert into t values (1) on conflict (id) do nothing returning id into n;",
         ["insert into t values (1) returning id into n;"]),
        ("drop sign", "insert into t values (-n);", ["insert into t values (n);"]),
        ("flip sign", "update t set a = a - n;", ["update t set a = a + n;"]),
        ("drop operand", "update t set a = a - n where id = 3;", ["update t set a = a where id = 3;"]),
        ("drop coalesce", "n := coalesce(cardinality(b), 0);", ["n := cardinality(b);"]),
        ("repeat statement", "delete from t;", ["delete from t; delete from t;"]),
        ("raise becomes return", "raise exception 'no';", ["return null;"]),
        ("fix condition", "if coalesce(n, 0) = 0 then n := 1; end if;",
         ["if true then n := 1; end if;", "if false then n := 1; end if;"]),
    ],
)  # fmt: skip
def test_an_operator_makes_these_changes(operator: str, statement: str, expected: list[str]) -> None:
    assert changes(in_body(statement), operator) == expected


def test_a_whole_lock_is_dropped_and_its_tables_stay_where_it_is_weakened() -> None:
    assert changes(LOCKED, "drop lock")[0].endswith("where id = 3 ;")
    assert changes(LOCKED, "weaken lock")[0].endswith("for share of p;")


def test_a_relative_write_becomes_one_of_what_was_read_before() -> None:
    body = LOCKED.replace("return null;", "update products set stock = stock - 1 where id = 3; return null;")
    (becomes,) = changes(body, "absolute write")
    assert becomes.startswith("update products set stock = shelf.stock - 1 where id = 3;")


def test_neighbours_change_places_only_where_one_gives_what_the_other_takes() -> None:
    assert changes(in_body("n := 1; shelf := a;"), "swap statements") == []
    assert changes(in_body("n := 1; delete from t where id = n;"), "swap statements") == [
        "delete from t where id = n; n := 1;"
    ]


def test_what_gives_a_value_is_no_comparison() -> None:
    assert changes(in_body("update t set a = 1, b = 2;"), "invert comparison") == []
    assert changes(in_body("raise exception 'no' using errcode = '22023';"), "invert comparison") == []


def test_between_is_one_term() -> None:
    found = words("a between 1 and 2 and b = 3 or c")
    assert [joined for joined, _, _ in terms(found, 0, len(found))] == ["", "and", "or"]


def test_the_hardened_function_has_many_mutants_each_once_and_each_a_function() -> None:
    text = resource("sql/create_order_with_inventory.sql").read_text()
    definition = text[text.index("create or replace function") :]
    body = definition.split("$$")[1]
    found = mutants_of("create_order_with_inventory", definition, body)
    kinds = Counter(m.operator for m in found)
    assert {"drop lock", "weaken lock", "drop on conflict", "drop order by", "absolute write"} <= set(kinds)
    assert len({" ".join(m.definition.split()) for m in found}) == len(found) > 90
    for mutant in found:
        assert mutant.definition != definition
        assert parse_sql(mutant.definition)
    assert sum(_is_plpgsql(m.definition) for m in found) >= 0.95 * len(found)


def _is_plpgsql(definition: str) -> bool:
    try:
        return bool(parse_plpgsql(definition))
    except Exception:
        return False
