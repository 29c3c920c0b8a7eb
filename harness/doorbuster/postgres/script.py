"""SQL files as people have them: decoded, and split into statements."""

import codecs
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from pglast import ast
from pglast.parser import ParseError, parse_sql, split

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
HARMLESS = {"restrict", "unrestrict", "echo", "qecho", "set", "unset", "pset", "timing", "encoding", "x", "a", "t"}
META = re.compile(r"\\(\S*)[^\n]*")
COPY = re.compile(r"^[ \t]*copy\s[^;]*?\sfrom\s+stdin\b[^;]*;[^\n]*\n", re.IGNORECASE | re.MULTILINE)
COPY_END = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
SYNTAX_ERROR = "42601"
INCLUDES = {"i", "ir", "include", "include_relative"}


class ScriptError(Exception):
    """A file that is no script: what is wrong, where (line, counted from 1), and what helps."""

    def __init__(self, line: int, message: str, hint: str = "", statement: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.hint = hint
        self.statement = statement


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, the line it starts in, and the data of a COPY FROM STDIN."""

    sql: str
    line: int
    data: str | None = None

    def line_at(self, position: int) -> int:
        """The file's line of a place in the statement, in characters counted from 1 as the server counts."""
        return self.line + self.sql.count("\n", 0, max(position - 1, 0))


def decode(content: bytes) -> str:
    """Text of a file in UTF-8 or in UTF-16 with its mark.

    Raises:
        ScriptError: neither.
    """
    encoding = next((name for bom, name in BOMS if content.startswith(bom)), "utf-8")
    if content.startswith(b"PGDMP"):
        raise ScriptError(1, "this is a dump in pg_dump's own format", "make it with pg_dump --format=plain")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScriptError(line, f"not {encoding.upper()}: {error.reason}", "save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ScriptError(line, "holds a NUL character: binary, or UTF-16 without its mark", "save the file as UTF-8")
    return text


def statements(text: str) -> list[Statement]:
    """The statements of a script, in order, by PostgreSQL's own parser.

    psql's commands that change nothing in the database are passed over, such as the ``\\restrict`` of a dump, and the
    data of ``COPY … FROM STDIN`` are cut out and kept.

    Raises:
        ScriptError: a syntax error, or a psql command that matters.
    """
    data: dict[int, str] = {}
    while True:
        try:
            slices = split(text, only_slices=True)
            break
        except ParseError as error:
            text = _repaired(text, error, data)
    line_ends = [m.start() for m in re.finditer("\n", text)]
    return [Statement(text[s], bisect_left(line_ends, s.start) + 1, _data_after(text, s, data)) for s in slices]


def copy_arguments(sql: str) -> tuple[str, dict[str, object]] | None:
    """Table and further arguments of asyncpg's ``copy_to_table`` for a COPY FROM STDIN; None for anything else.

    Raises:
        ScriptError: the statement has an option that this cannot carry over.
    """
    node = parse_sql(sql)[0].stmt
    if not isinstance(node, ast.CopyStmt) or not node.is_from or node.filename is not None or node.is_program:
        return None
    if node.relation is None or node.relation.relname is None:
        return None
    arguments: dict[str, object] = {"schema_name": node.relation.schemaname}
    arguments["columns"] = [name.sval for name in node.attlist] if node.attlist else None
    for option in node.options or ():
        arguments[option.defname] = _option(option)
    return node.relation.relname, {name: value for name, value in arguments.items() if value is not None}


def _option(option: ast.DefElem) -> object:
    readers: dict[str, Callable[[str], object]] = {"format": str, "delimiter": str, "null": str, "quote": str}
    readers |= {"escape": str, "encoding": str, "header": lambda word: word.lower() in ("true", "on", "1", "match")}
    if option.defname not in readers:
        raise ScriptError(1, f"COPY option {option.defname!r} is not supported here", "use INSERT")
    return readers[option.defname](getattr(option.arg, "sval", "true"))


def _data_after(text: str, part: slice, data: dict[int, str]) -> str | None:
    """The data block that follows a COPY statement at once."""
    if not is_copy(text[part]):
        return None
    begin = min((at for at in data if at >= part.stop), default=part.stop)
    return None if text[part.stop : begin].strip("; \t\r\n") else data.get(begin)


def is_copy(sql: str) -> bool:
    """Whether a statement is a COPY of any kind."""
    return sql[:4].lower() == "copy"


def _repaired(text: str, error: ParseError, data: dict[int, str]) -> str:
    """The text without what the parser stumbled over, if that was psql's and not SQL: blanked, so that lines stay."""
    message, place = error.args if len(error.args) == 2 else (str(error), None)
    if place is not None and (blocks := _copy_blocks(text, place)):
        data |= {start: text[start:end].replace("\r\n", "\n") for start, end, _ in blocks}
        for start, _, after in blocks:
            text = _blanked(text, start, after)
        return text
    if place is not None and (command := _meta_command(text, place)):
        if command[1].lower() in HARMLESS:
            return _blanked(text, *command.span())
        raise ScriptError(_line(text, place), f"psql's command {command[0].strip()} is no SQL", _meta_hint(command[1]))
    at = len(text.rstrip()) if place is None else place
    raise ScriptError(_line(text, at), message, "", _source_line(text, at))


def _copy_blocks(text: str, place: int) -> list[tuple[int, int, int]]:
    """The data of the COPY that ``place`` follows, and of all later ones: start, end, and end of the closing line.

    All at once, because each repair parses the text again. Empty if ``place`` lies in no such data.
    """
    openings = [m for m in COPY.finditer(text) if m.end() <= place]
    opening, blocks = (openings[-1] if openings else None), []
    while opening and (closing := COPY_END.search(text, opening.end())):
        blocks.append((opening.end(), closing.start(), closing.end()))
        opening = COPY.search(text, closing.end())
    return blocks if blocks and place <= blocks[0][2] else []


def _meta_command(text: str, place: int) -> re.Match[str] | None:
    at_line_start = not text[text.rfind("\n", 0, place) + 1 : place].strip(" \t\ufeff")
    return META.match(text, place) if at_line_start else None


def _meta_hint(name: str) -> str:
    if name.lower() in INCLUDES:
        return "list the file itself in the contract's [schema] files"
    return "remove it, or replace it by SQL"


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _source_line(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 :].partition("\n")[0].strip()


def first_line(sql: str) -> str:
    """What a message shows of a statement."""
    return sql.strip().partition("\n")[0].strip()
