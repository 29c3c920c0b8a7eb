"""The statements of a PL/pgSQL body with their places in the text.

PL/pgSQL's own parser (pglast.parse_plpgsql) tells statements, lines and queries, but no character offsets; the SQL
scanner tells offsets, but knows no statements. So the text is read here, by the rules of PL/pgSQL's grammar, and
:mod:`doorbuster.instrument.tree` compares the result with the parser's: what does not agree is not instrumented.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from pglast.parser import scan

_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_OPEN, _CLOSE = ("(", "["), (")", "]")
# A word that starts a statement of its own kind, unless an assignment follows it.
_SIMPLE = {
    "return": "return", "raise": "raise", "assert": "assert", "perform": "perform", "execute": "dynexecute",
    "get": "getdiag", "open": "open", "fetch": "fetch", "move": "fetch", "close": "close", "exit": "exit",
    "continue": "exit", "call": "call", "do": "call", "commit": "commit", "rollback": "rollback", "null": "null",
}  # fmt: skip


class NotUnderstood(Exception):
    """A body that cannot be instrumented; the message says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """From the first character to the one after the last."""

    start: int
    end: int


@dataclass(slots=True)
class Branch:
    """A condition with the word before it and the word after it: IF … THEN, ELSIF … THEN, WHILE … LOOP."""

    word: Span
    then: Span
    line: int


@dataclass(slots=True)
class Node:
    """One statement. ``start`` is before its label, ``end`` after its semicolon; ``groups`` are its inner lists.

    ``group_ends`` are the places where those lists end. ``branches``: IF and its ELSIFs, or a WHILE.
    """

    kind: str
    line: int
    start: int
    end: int = 0
    groups: list[list["Node"]] = field(default_factory=list)
    group_ends: list[int] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    close: Span = Span(0, 0)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def read_body(source: str) -> Node:
    """The outermost block of a function's ``prosrc``.

    Raises:
        NotUnderstood: the text does not follow the grammar as known here.
    """
    return _Reader(source).body()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        try:
            self._tokens = [_token(t, source) for t in scan(source) if t.name not in _COMMENTS]
        except Exception as problem:  # pglast raises its own error for text that is no SQL
            raise NotUnderstood(f"cannot be read word by word: {problem}") from None
        self._at = 0

    def body(self) -> Node:
        while self._peek() == "#":  # #variable_conflict use_column
            line = self._line(self._tokens[self._at].start)
            while self._at < len(self._tokens) and self._line(self._tokens[self._at].start) == line:
                self._at += 1
        node = self._statement()
        if node.kind != "block":
            raise NotUnderstood("does not start with a block")
        return node

    def _statements(self, ends: Collection[str]) -> list[Node]:
        found = []
        while self._peek() not in ends:
            found.append(self._statement())
        return found

    def _statement(self) -> Node:
        start = self._token().start
        while self._peek() == "<<":
            self._skip_to(">>")
        word = self._peek()
        node = Node("", self._line(self._token().start), start)
        special: dict[str, Callable[[Node], None]] = {
            "declare": self._block, "begin": self._block, "if": self._if, "case": self._case, "loop": self._loop,
            "while": self._while, "for": self._for, "foreach": self._for,
        }  # fmt: skip
        if word in special and not self._is_assigned():
            special[word](node)
        else:
            self._simple(node, word)
        node.end = self._tokens[self._at - 1].end
        return node

    def _block(self, node: Node) -> None:
        node.kind = "block"
        if self._peek() == "declare":
            self._declarations()
        node.line = self._line(self._token().start)
        self._expect("begin")
        self._group(node, ("end", "exception"))
        if self._peek() == "exception":
            self._next()
            while self._peek() == "when":
                self._skip_to("then")
                self._group(node, ("end", "when"))
        self._end(node, "")

    def _declarations(self) -> None:
        """Skip to the BEGIN that starts a statement; one inside a declaration's default is part of that."""
        self._next()
        while self._peek() != "begin":
            if self._peek() == "declare":
                self._next()
            else:
                self._skip_to(";")

    def _if(self, node: Node) -> None:
        node.kind = "if"
        ends = ("elsif", "elseif", "else", "end")
        while self._peek() in ("if", "elsif", "elseif"):
            word = self._next()
            then = self._skip_to("then")
            node.branches.append(Branch(_span(word), _span(then), self._line(word.start)))
            self._group(node, ends)
        if self._peek() == "else":
            self._next()
            self._group(node, ("end",))
        self._end(node, "if")

    def _case(self, node: Node) -> None:
        node.kind = "case"
        self._next()
        while self._peek() != "when":
            self._step_over()
        while self._peek() == "when":
            self._skip_to("then")
            self._group(node, ("when", "else", "end"))
        if self._peek() == "else":
            self._next()
            self._group(node, ("end",))
        self._end(node, "case")

    def _loop(self, node: Node) -> None:
        node.kind = "loop"
        self._expect("loop")
        self._group(node, ("end",))
        self._end(node, "loop")

    def _while(self, node: Node) -> None:
        node.kind = "while"
        word = self._next()
        then = self._skip_to("loop")
        node.branches.append(Branch(_span(word), _span(then), self._line(word.start)))
        self._group(node, ("end",))
        self._end(node, "loop")

    def _for(self, node: Node) -> None:
        node.kind = "for"
        self._next()
        self._skip_to("loop")
        self._group(node, ("end",))
        self._end(node, "loop")

    def _simple(self, node: Node, word: str) -> None:
        node.kind = "assign" if self._is_assigned() else _SIMPLE.get(word, "execsql")
        if node.kind == "return" and self._peek(1) in ("next", "query"):
            node.kind = f"return_{self._peek(1)}"
        self._skip_to(";")

    def _is_assigned(self) -> bool:
        """Whether the statement is ``target := value``, with a target like ``a``, ``a.b`` or ``a[1].b``."""
        ahead = 1
        while True:
            following = self._peek(ahead)
            if following in (":=", "="):
                return True
            if following == ".":
                ahead += 2
            elif following == "[":
                ahead = self._after_bracket(ahead)
            else:
                return False

    def _after_bracket(self, ahead: int) -> int:
        depth = 0
        while text := self._peek(ahead):
            depth += (text == "[") - (text == "]")
            ahead += 1
            if depth == 0:
                break
        return ahead

    def _group(self, node: Node, ends: Collection[str]) -> None:
        node.groups.append(self._statements(ends))
        node.group_ends.append(self._token().start)

    def _end(self, node: Node, word: str) -> None:
        """END IF; END CASE; END LOOP label; END label; the last semicolon of a body may be missing."""
        end = self._expect("end")
        if word:
            self._expect(word)
        while self._at < len(self._tokens) and self._peek() != ";":
            self._next()
        if self._at < len(self._tokens):
            node.close = Span(end.start, self._next().end)
        else:
            node.close = Span(end.start, len(self._source.rstrip()))

    def _skip_to(self, word: str) -> _Token:
        """Step over everything up to ``word`` outside brackets, and over it."""
        while self._peek() != word:
            self._step_over()
        return self._next()

    def _step_over(self) -> None:
        """One word, or everything in a pair of brackets."""
        depth = 0
        while True:
            text = self._next().text
            depth += (text in _OPEN) - (text in _CLOSE)
            if depth <= 0:
                return

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place].text if place < len(self._tokens) else ""

    def _token(self) -> _Token:
        if self._at >= len(self._tokens):
            raise NotUnderstood("ends in the middle of a statement")
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._token()
        self._at += 1
        return token

    def _expect(self, word: str) -> _Token:
        token = self._next()
        if token.text != word:
            raise NotUnderstood(f"line {self._line(token.start)}: {token.text!r} where {word.upper()} was expected")
        return token

    def _line(self, offset: int) -> int:
        return self._source.count("\n", 0, offset) + 1


def _token(token: Any, source: str) -> _Token:
    """Keywords in lower case; quoted names and strings as they are, so that none is taken for a keyword."""
    text = source[token.start : token.end + 1]
    return _Token(text.lower() if text[:1].isalpha() else text, token.start, token.end + 1)


def _span(token: _Token) -> Span:
    return Span(token.start, token.end)
