import pytest
from doorbuster.postgres.script import ScriptError, Statement, decode, statements


def test_statements_are_split_by_the_parser_and_know_their_lines() -> None:
    text = (
        "-- a comment;\nselect 1;\n\ncreate function f() returns int language plpgsql as $$\nbegin return 1; end $$;\n"
    )
    first, second = statements(text)
    assert first == Statement("select 1", 2)
    assert second.line == 4
    assert second.line_at(second.sql.index("return 1") + 1) == 5


def test_a_standard_function_body_is_one_statement() -> None:
    assert len(statements("create function f() returns int begin atomic select 1; select 2; end; select 3")) == 2


@pytest.mark.parametrize(
    "content",
    [
        "select 'é'".encode(),
        "select 'é'".encode("utf-8-sig"),
        "select 'é'".encode("utf-16"),
        b"\xfe\xff" + "select 'é'".encode("utf-16-be"),
    ],
)
def test_marked_encodings_are_understood(content: bytes) -> None:
    assert decode(content) == "select 'é'"


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("\nselect 'é'".encode("latin-1"), "UTF-8"),
        ("\nselect 1".encode("utf-16-le"), "UTF-8"),
        (b"PGDMP\x01", "--format=plain"),
    ],
)
def test_other_encodings_are_named_with_their_cure(content: bytes, hint: str) -> None:
    with pytest.raises(ScriptError) as caught:
        decode(content)
    assert hint in caught.value.hint


def test_windows_line_ends_count_as_one_line_each() -> None:
    assert [s.line for s in statements("select 1;\r\n\r\nselect 2;\r\n")] == [1, 3]


def test_the_commands_of_a_dump_are_passed_over() -> None:
    text = "\\restrict abc\n\\set ON_ERROR_STOP on\nselect 1;\n\\unrestrict abc\n"
    assert statements(text) == [Statement("select 1", 3)]


def test_a_backslash_inside_a_string_is_no_command() -> None:
    assert statements("select '\n\\restrict x'") == [Statement("select '\n\\restrict x'", 1)]


@pytest.mark.parametrize(("command", "hint"), [("\\i other.sql", "[schema] files"), ("\\connect shop", "remove")])
def test_commands_that_matter_are_refused_with_their_line(command: str, hint: str) -> None:
    with pytest.raises(ScriptError) as caught:
        statements(f"select 1;\n{command}\n")
    assert caught.value.line == 2
    assert hint in caught.value.hint


def test_the_data_of_a_copy_are_kept_apart() -> None:
    text = "COPY public.t (a, b) FROM stdin;\n1\tit's\n2\t\\N\n\\.\n\nselect 1;\ncopy u from stdin;\n\\.\n"
    first, second, third = statements(text)
    assert first.data == "1\tit's\n2\t\\N\n"
    assert second == Statement("select 1", 6)
    assert third.data == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [("select 1;\nselec 2;\nselect 3;", 2), ("select 1;\n\nselect (\n\n", 3), ("select 1;\nselect 'a", 2)],
)
def test_a_syntax_error_has_its_line(text: str, line: int) -> None:
    with pytest.raises(ScriptError) as caught:
        statements(text)
    assert caught.value.line == line


def test_an_empty_file_has_no_statements() -> None:
    assert statements("") == statements("-- nothing\n") == []


def test_many_statements_and_copies_each_get_their_own_line_and_data() -> None:
    table = "copy t from stdin;\n{}\n\\.\nselect {};\n"
    found = statements("".join(table.format(n, n) for n in range(50)))
    assert [s.data for s in found[::2]] == [f"{n}\n" for n in range(50)]
    assert [s.line for s in found[1::2]] == [4 * n + 4 for n in range(50)]
