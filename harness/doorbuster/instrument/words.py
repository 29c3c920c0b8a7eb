"""A text of SQL or PL/pgSQL as words with their places, and the clauses that are found by counting brackets."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pglast.parser import scan

from doorbuster.instrument.outline import NotUnderstood

_OPEN, _CLOSE = ("(", "["), (")", "]")
# Where a condition ends, outside brackets.
_ENDS = frozenset((
    ";", "group", "order", "limit", "for", "returning", "on", "having", "window", "union", "except", "intersect",
    "loop", "then", "offset", "fetch", "set",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A token: keywords and names in lower case; ``depth`` is how many brackets are open around it."""

    text: str
    start: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``text`` in the place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The whole text with the edit made."""
        return source[: self.start] + self.text + source[self.end :]


def words(source: str, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of ``source`` from ``start`` to ``end``, comments left out.

    Raises:
        NotUnderstood: no SQL.
    """
    try:
        tokens = scan(source)
    except Exception as problem:  # pglast raises its own error for text that is no SQL
        raise NotUnderstood(f"cannot be read word by word: {problem}") from None
    found, depth = [], 0
    for token in tokens:
        if token.name in ("SQL_COMMENT", "C_COMMENT"):
            continue
        text = source[token.start : token.end + 1]
        depth -= text in _CLOSE
        if token.start >= start and (end is None or token.end < end):
            lowered = text.lower() if text[:1].isalpha() else text
            found.append(Word(lowered, token.start, token.end + 1, depth))
        depth += text in _OPEN
    return found


def sequences(found: Sequence[Word], *pattern: str) -> Iterator[int]:
    """The places at which these words stand one after the other."""
    for at in range(len(found) - len(pattern) + 1):
        if all(found[at + n].text == word for n, word in enumerate(pattern)):
            yield at


def clause_end(found: Sequence[Word], at: int, ends: Collection[str] = _ENDS) -> int:
    """The place after the last word of the clause that begins at ``at``: before an end word of no greater depth."""
    depth = found[at].depth
    for place in range(at, len(found)):
        word = found[place]
        if word.depth < depth or (word.depth == depth and word.text in ends):
            return place
    return len(found)


def terms(found: Sequence[Word], start: int, end: int) -> list[tuple[str, int, int]]:
    """The terms of a condition between two places: the word that joins each to the one before, its first place, and
    the one after its last. The AND of BETWEEN joins nothing."""
    depth = found[start].depth if start < end else 0
    parts, begin, joined, between, case = [], start, "", False, 0
    for at in range(start, end):
        word = found[at]
        if word.depth != depth:
            continue
        case += (word.text == "case") - (word.text == "end")
        if word.text == "between":
            between = True
        elif word.text == "and" and between:
            between = False
        elif word.text in ("and", "or") and case == 0:
            parts.append((joined, begin, at))
            begin, joined = at + 1, word.text
    if begin < end:
        parts.append((joined, begin, end))
    return parts
