"""PL/pgSQL functions that Hypothesis makes up: every kind of statement, nested, in odd spellings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

TABLE = """
create table shelf (id int primary key, v int);
insert into shelf select n, n * 10 from generate_series(1, 4) n;
"""
_NOISE = st.sampled_from(
    ["", " ", "\n", "\n\n", " -- if x then; end;\n", " /* begin; /* loop */ end */ ", "\t", "\r\n", " -- é $$ '\n"]
)
_IDS = st.integers(0, 6)
_CONDITIONS = st.one_of(
    st.sampled_from(["found", "not found", "i is null", "t like '%;%'", "(i > 2) is not false", "true", "null",
                     "case when i > 1 then true else false end", "exists (select from shelf where v > i)"]),
    _IDS.map("i > {}".format),
    _IDS.map("i % 2 = 0 and (select count(*) from shelf) > {}".format),
)  # fmt: skip
_EXPRESSIONS = st.one_of(
    _IDS.map(str),
    st.sampled_from(["i", "coalesce(i, 1)", "length(t)", "(select max(v) from shelf)", "r.v", "a[1]",
                     "case when i > 1 then 2 else 3 end", "(array[1,2,3])[2]"]),
)  # fmt: skip
# FOUND and ROW_COUNT as they are, written down: what an instrumented function may not change.
_NOTED = "get diagnostics n = row_count; t := t || '[' || found || n || ']';"


@dataclass(frozen=True)
class Made:
    """A function's text: ``definition`` creates ``fuzzed()``."""

    definition: str


@st.composite
def functions(draw: Callable[..., Any]) -> Made:
    """A function without arguments that terminates, or ends in an error."""
    is_set = draw(st.booleans())
    body = "".join(draw(st.lists(_statements(2, is_set, in_loop=False), min_size=1, max_size=5)))
    end = draw(st.sampled_from(["return next t;", "return query select t;", "return;"]) if is_set else
               st.sampled_from(["return t;", "return t || i;", "RETURN (select t);", "return\nt ;"]))  # fmt: skip
    label = draw(st.sampled_from(["", "<<outer_block>> ", "<< \"End If\" >>\n"]))
    declared = draw(
        st.sampled_from(["", "x constant text := 'begin;'; ", "c cursor for select * from shelf order by id; "])
    )
    closing = draw(st.sampled_from(["end", "end;", "END ;"]))
    quote = draw(st.sampled_from(["$$", "$body$", "$_$"]))
    source = (
        f"{label}declare i int := 1; t text := ''; n int; w int := 0; r record; a int[] := array[3,1,2]; {declared}\n"
        f"begin{draw(_NOISE) or ' '}select * into r from shelf where id = 1;{body}{end} {closing}"
    )
    returns = "setof text" if is_set else "text"
    return Made(f"create or replace function fuzzed() returns {returns} language plpgsql as {quote}\n{source}{quote}")


def _statements(depth: int, is_set: bool, in_loop: bool) -> st.SearchStrategy[str]:
    plain = _plain(is_set, in_loop)
    if depth:
        plain = plain | plain | _compound(depth, is_set, in_loop)
    return st.builds("{}{}{}".format, _NOISE, plain, st.sampled_from(["", "", _NOTED]))


def _plain(is_set: bool, in_loop: bool) -> st.SearchStrategy[str]:
    shapes = [
        _EXPRESSIONS.map("i := {};".format),
        _EXPRESSIONS.map("I = {} ;".format),
        _EXPRESSIONS.map("a[1] := {};".format),
        st.just("t := t || 'x; end if; $$';"),
        st.just("t := t || $q$ return; $q$;"),
        _IDS.map("select v into i from shelf where id = {};".format),
        _IDS.map("SELECT * INTO r FROM shelf WHERE id = {} FOR UPDATE;".format),
        _IDS.map("perform v from shelf where v > {} * 10;".format),
        _IDS.map(
            "insert into shelf values ({}, 7) on conflict (id) do update set v = shelf.v + 1 returning v into i;".format
        ),
        _IDS.map("insert into shelf values ({}, 7);".format),
        st.builds("update shelf set v = v + {} where id = {};".format, _EXPRESSIONS, _IDS),
        _IDS.map("with gone as (delete from shelf where id = {} returning *) select count(*) into i from gone;".format),
        _IDS.map("execute 'update shelf set v = v + $1 where id > $2' using 1, {};".format),
        _IDS.map("execute format('select v from %I where id = {}', 'shelf') into i;".format),
        _IDS.map("select v into strict i from shelf where id = {};".format),
        st.just("null;"),
        st.just("raise notice 'at %; loop', i;"),
        st.just("if i > 5 then raise exception 'too much: %', i using errcode = '22023'; end if;"),
        st.just("assert i is distinct from 3, 'three';"),
        st.just("return next t;" if is_set else "null;"),
        _CONDITIONS.map(("if {} then return; end if;" if is_set else "if {} then return 'early'; end if;").format),
    ]
    if in_loop:
        shapes += [_CONDITIONS.map("exit when {};".format), _CONDITIONS.map("continue when {};".format)]
    if is_set:
        shapes.append(_IDS.map("return query select v::text from shelf where id > {} order by id;".format))
    return st.one_of(shapes)


def _compound(depth: int, is_set: bool, in_loop: bool) -> st.SearchStrategy[str]:
    block = st.lists(_statements(depth - 1, is_set, in_loop), max_size=3).map("".join)
    body = st.lists(_statements(depth - 1, is_set, in_loop=True), max_size=3).map("".join)
    return st.one_of(
        st.builds("if {} then {} end if;".format, _CONDITIONS, block),
        st.builds("IF({})THEN {} ELSIF {} THEN {} elseif {} then {} ELSE {} END IF;".format,
                  _CONDITIONS, block, _CONDITIONS, block, _CONDITIONS, block, block),
        st.builds("case i when 1, 2 then {} when (select 3) then {} else {} end case;".format, block, block, block),
        st.builds("case when {} then {} else {} end case;".format, _CONDITIONS, block, block),
        st.builds("while w < 6 and coalesce({}, true) loop w := w + 1; {} end loop;".format, _CONDITIONS, body),
        st.builds("loop w := w + 1; exit when w > 5; {} end loop;".format, body),
        st.builds("<<lap>> for i in reverse 3..1 loop {} exit lap when i = 2; end loop lap;".format, body),
        st.builds("for r in select * from shelf order by id loop {} end loop;".format, body),
        st.builds("for r in execute 'select * from shelf order by id' loop {} end loop;".format, body),
        st.builds("foreach n in array a loop {} end loop;".format, body),
        st.builds("begin {} exception when unique_violation or sqlstate '22023' then {} when others then "
                  "t := t || sqlstate; {} end;".format, block, block, block),
        st.builds("<<inner_block>> declare w int := 0; i int := 2; begin {} end inner_block;".format, block),
    )  # fmt: skip
