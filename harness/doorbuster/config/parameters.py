"""Named parameters of a contract's SQL: ``:name`` becomes one ``$n`` an occurrence.

One ``$n`` a name would fail with 42P08 where the same name is cast to two types, so each occurrence gets its own.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

# What may hold a colon that starts no parameter comes first; the parameter is the last alternative that matters.
_TOKEN = re.compile(
    r"""
      (?P<estring>\b[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<dollar>(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<cast>::|:=)
    | (?P<parameter>:(?P<name>[A-Za-z_]\w*))
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``$1``, ``$2``, … and the name that each of them stands for, in order."""

    sql: str
    names: tuple[str, ...]


def parse_parameters(sql: str, first: int = 1) -> Statement:
    """``sql`` with its named parameters numbered from ``first``."""
    pieces: list[str] = []
    names: list[str] = []
    position = 0
    while match := _TOKEN.search(sql, position):
        end = match.end()
        if match["block"]:
            end = _end_of_comment(sql, match.start())
        elif match["parameter"] and not _is_slice(sql, match.start()):
            pieces += [sql[position : match.start()], f"${first + len(names)}"]
            names.append(match["name"])
            position = end
            continue
        pieces.append(sql[position:end])
        position = end
    return Statement("".join([*pieces, sql[position:]]), tuple(names))


def unknown_parameters(sql: str, known: Collection[str]) -> list[tuple[str, int]]:
    """Names used in ``sql`` that are not ``known``, each with the line (from 1) of its first use."""
    unknown = dict.fromkeys(n for n in parse_parameters(sql).names if n not in known)
    return [(name, _line_of(sql, name)) for name in unknown]


def _line_of(sql: str, name: str) -> int:
    match = re.search(rf"(?<!:):{name}\b", sql)
    return sql.count("\n", 0, match.start()) + 1 if match else 1


def _end_of_comment(sql: str, start: int) -> int:
    """The end of the block comment at ``start``; PostgreSQL's nest."""
    depth, position = 1, start + 2
    while depth and (match := re.compile(r"/\*|\*/").search(sql, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position if depth == 0 else len(sql)


def _is_slice(sql: str, colon: int) -> bool:
    """Whether the colon is that of an array slice, as in ``a[1:n]`` or ``a[:n]``, but not ``array[:n]``."""
    before = sql[:colon].rstrip()
    if before.endswith("["):
        return bool(re.search(r"[\w\])\"]\s*\[$", before)) and not re.search(r"(?i)\barray\s*\[$", before)
    return colon > 0 and (sql[colon - 1].isalnum() or sql[colon - 1] in "_])")
