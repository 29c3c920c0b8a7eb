"""Mutants of a PL/pgSQL function: one small change each, of a kind that people make.

Statements come from the outline of the body, which agrees with PostgreSQL's own parser; conditions, locks and clauses
inside them from its words. A change that does not deploy, or changes nothing, is found out later, by trying it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doorbuster.instrument.outline import Node, NotUnderstood, read_body
from doorbuster.instrument.tree import agree, statements
from doorbuster.instrument.words import Edit, Word, clause_end, sequences, terms, words

_OTHERS = {
    "<": ("<=", ">"), "<=": ("<", ">"), ">": (">=", "<"), ">=": (">", "<"), "=": ("<>",), "<>": ("=",), "!=": ("=",),
}  # fmt: skip
_LOCKS = (("no", "key", "update"), ("key", "share"), ("update",), ("share",))
_DROPPED = frozenset(("execsql", "perform", "assign", "if", "for", "loop", "while", "call", "raise", "dynexecute"))
_REPEATED = frozenset(("execsql", "perform"))
_LIMIT = 90


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function with one change. ``was`` and ``becomes`` are its text there on one line, ``line`` one of the body."""

    operator: str
    function: str
    line: int
    was: str
    becomes: str
    definition: str


def mutants_of(name: str, definition: str, source: str) -> tuple[Mutant, ...]:
    """All mutants of a function, each text once. ``source`` is the body of ``definition``.

    Raises:
        NotUnderstood: the body is not read as PostgreSQL's own parser reads it.
    """
    root = read_body(source)
    agree(root, statements(definition)[0])
    seen = {_plain(source)}
    found = []
    for operator, edit in _edits(root, source):
        mutated = edit.applied(source)
        if _plain(mutated) in seen:
            continue
        seen.add(_plain(mutated))
        line = source.count("\n", 0, edit.start) + 1
        was, becomes = _context(source, edit)
        found.append(Mutant(operator, name, line, was, becomes, definition.replace(source, mutated, 1)))
    return tuple(found)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _context(source: str, edit: Edit) -> tuple[str, str]:
    """The changed text before and after, with the rest of its lines where it is short."""
    if edit.end - edit.start > _LIMIT or len(edit.text) > _LIMIT:
        return _plain(source[edit.start : edit.end]), _plain(edit.text)
    start = source.rfind("\n", 0, edit.start) + 1
    end = _line_end(source, edit.end)
    while source.count(source[start:end]) > 1 and end < len(source):  # more lines, until it is the only place like this
        end = _line_end(source, end + 1)
    return _plain(source[start:end]), _plain(source[start : edit.start] + edit.text + source[edit.end : end])


def _line_end(source: str, at: int) -> int:
    end = source.find("\n", at)
    return len(source) if end < 0 else end


def _edits(root: Node, source: str) -> Iterator[tuple[str, Edit]]:
    yield from _statement_edits(root, source)
    for node in _leaves(root):
        try:
            found = words(source, node.start, node.end)
        except NotUnderstood:
            continue
        for operators in (_locks, _order_by, _on_conflict, _conditions, _comparisons, _tests, _arithmetic, _coalesce):
            yield from operators(found, source)
    yield from _absolute(root, source)


def _statement_edits(root: Node, source: str) -> Iterator[tuple[str, Edit]]:
    returns = sorted(n.start for n in _all(root) if n.kind == "return")
    answer = next((source[n.start : n.end] for n in _all(root) if returns and n.start == returns[-1]), "return;")
    for group in _groups(root):
        for number, node in enumerate(group):
            text = source[node.start : node.end]
            if node.kind in _DROPPED:
                yield "drop statement", Edit(node.start, node.end, "null;")
            if node.kind == "raise":
                yield "raise becomes return", Edit(node.start, node.end, answer)
            if node.kind in _REPEATED:
                yield "repeat statement", Edit(node.start, node.end, f"{text} {text}")
            if number + 1 < len(group) and _depend(text, source[group[number + 1].start : group[number + 1].end]):
                following = group[number + 1]
                between = source[node.end : following.start]
                swapped = source[following.start : following.end] + between + text
                yield "swap statements", Edit(node.start, following.end, swapped)


def _depend(one: str, other: str) -> bool:
    """Whether two neighbours have a name in common that one of them may give a value to, or FOUND between them."""
    names = [set(re.findall(r"[a-z_]\w*", text.lower())) for text in (one, other)]
    given = [set(re.findall(r"(?:into|update|returning|from)\s+([a-z_]\w*)", text.lower())) |
             set(re.findall(r"^\s*([a-z_]\w*)\s*:=", text.lower())) for text in (one, other)]  # fmt: skip
    return bool(given[0] & names[1] or given[1] & names[0] or "found" in names[1])


def _groups(node: Node) -> Iterator[list[Node]]:
    for group in node.groups:
        yield group
        for inner in group:
            yield from _groups(inner)


def _all(node: Node) -> Iterator[Node]:
    yield node
    for group in _groups(node):
        yield from group


def _leaves(root: Node) -> Iterator[Node]:
    """Statements without inner ones; of those with, the part before the first inner list: a condition, or a query."""
    for node in _all(root):
        if not node.groups:
            yield node
        elif node.kind != "block":
            yield from _heads(node)


def _heads(node: Node) -> Iterator[Node]:
    """The conditions of an IF or a WHILE, or what a loop goes over."""
    if node.branches:
        for branch in node.branches:
            yield Node(node.kind, branch.line, branch.word.start, branch.then.end)
        return
    first = node.groups[0][0].start if node.groups[0] else node.group_ends[0]
    yield Node(node.kind, node.line, node.start, first)


def _locks(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at in sequences(found, "for"):
        following = tuple(word.text for word in found[at + 1 : at + 4])
        lock = next((lock for lock in _LOCKS if following[: len(lock)] == lock), None)
        if lock is None or at == 0:
            continue
        end = clause_end(found, at + 1, (";", "loop"))
        start, last = found[at].start, found[at + len(lock)].end
        stop = found[end - 1].end
        yield "drop lock", Edit(start, stop, "")
        for weaker in ("for share", "for key share"):
            yield "weaken lock", Edit(start, last, weaker)
        for word in ("nowait", "skip locked"):
            if word.split()[0] not in (w.text for w in found[at:end]):
                yield f"lock {word}", Edit(stop, stop, f" {word}")


def _order_by(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at in sequences(found, "order", "by"):
        end = clause_end(found, at + 2, (";", "loop", "limit", "for", "offset"))
        yield "drop order by", Edit(found[at].start, found[end - 1].end, "")
        yield "reverse order", Edit(found[end - 1].end, found[end - 1].end, " desc")


def _on_conflict(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at in sequences(found, "on", "conflict"):
        end = clause_end(found, at + 2, (";", "returning"))
        yield "drop on conflict", Edit(found[at].start, found[end - 1].end, "")


def _conditions(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    """WHERE and IF, term by term."""
    for at, word in enumerate(found):
        if word.text not in ("where", "if", "elsif", "while") or at + 1 >= len(found):
            continue
        end = clause_end(found, at + 1)
        parts = terms(found, at + 1, end)
        is_where = word.text == "where"
        for number, (_, start, stop) in enumerate(parts):
            span = (found[start].start, found[stop - 1].end)
            if len(parts) == 1:
                if is_where:
                    yield "drop where", Edit(word.start, span[1], "")
                continue
            first = found[parts[1][1]].start if number == 0 else found[start - 1].end
            cut = (span[0], first) if number == 0 else (found[start - 1].start, span[1])
            yield "drop term", Edit(*cut, "")
        if not is_where and parts:
            whole = (found[at + 1].start, found[end - 1].end)
            for value in ("true", "false"):
                yield "fix condition", Edit(*whole, value)


def _comparisons(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at, word in enumerate(found):
        if word.text not in _OTHERS or _is_assignment(found, at):
            continue
        for other in _OTHERS[word.text]:
            kind = "shift comparison" if other.rstrip("=") == word.text.rstrip("=") else "invert comparison"
            yield kind, Edit(word.start, word.end, other)


def _is_assignment(found: Sequence[Word], at: int) -> bool:
    """Whether a = gives a value: in SET, in RAISE … USING, or in a named argument."""
    if found[at].text != "=":
        return False
    depth = found[at].depth
    for word in reversed(found[:at]):
        if word.depth < depth:
            return False
        if word.depth == depth and word.text in ("set", "using"):
            return True
        if word.depth == depth and word.text in ("where", "if", "on", "select", "and", "or", "when", "having"):
            return False
    return False


def _tests(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    """IS NULL, IS NOT TRUE, IS DISTINCT FROM, EXISTS, FOUND: the other way round."""
    for at, word in enumerate(found):
        following = found[at + 1].text if at + 1 < len(found) else ""
        if word.text == "is" and following == "not":
            yield "invert test", Edit(word.end, found[at + 1].end, "")
        elif word.text == "is":
            yield "invert test", Edit(word.end, word.end, " not")
        elif word.text == "not" and following in ("found", "exists"):
            yield "invert test", Edit(word.start, found[at + 1].start, "")
        elif word.text in ("found", "exists") and (at == 0 or found[at - 1].text != "not"):
            yield "invert test", Edit(word.start, word.start, "not ")


def _arithmetic(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at, word in enumerate(found):
        if word.text not in ("+", "-") or at + 1 >= len(found):
            continue
        before = found[at - 1].text if at else ""
        is_unary = before in ("(", ",", "=", ":=", "") or before in ("select", "return", "then", "values")
        if is_unary:
            yield "drop sign", Edit(word.start, word.end, "")
        else:
            yield "flip sign", Edit(word.start, word.end, "-" if word.text == "+" else "+")
            yield "drop operand", Edit(word.start, found[clause_end(found, at, (";", ",", "where")) - 1].end, "")


def _coalesce(found: Sequence[Word], source: str) -> Iterator[tuple[str, Edit]]:
    for at in sequences(found, "coalesce", "("):
        inner = found[at + 2].depth
        comma = next((w for w in found[at + 2 :] if w.text == "," and w.depth == inner), None)
        close = next((w for w in found[at + 2 :] if w.text == ")" and w.depth == inner - 1), None)
        if comma and close:
            yield "drop coalesce", Edit(found[at].start, close.end, source[found[at + 2].start : comma.start])


def _absolute(root: Node, source: str) -> Iterator[tuple[str, Edit]]:
    """``set stock = stock - n`` becomes ``set stock = shelf.stock - n`` where ``shelf`` was read from there before."""
    read: dict[tuple[str, str], str] = {}  # the record by table and column
    for node in sorted(_all(root), key=lambda n: n.start):
        text = source[node.start : node.end]
        if node.kind != "execsql":
            continue
        if match := re.match(r"(?is)\s*select\s+(.*?)\s+into\s+(?:strict\s+)?(\w+)\s+from\s+(\w+)", text):
            for name in match[1].lower().split(","):
                read[match[3].lower(), name.strip().rpartition(".")[2]] = match[2]
        table = re.match(r"(?is)\s*update\s+(?:only\s+)?(\w+)", text)
        for match in re.finditer(r"(?i)\bset\s+(\w+)\s*=\s*(?:\w+\.)?\1\b", text) if table else ():
            of = table[1].lower() if table else ""
            if record := read.get((of, match[1].lower())) or read.get((of, "*")):
                at = node.start + match.end() - len(match[1])
                begin = at if source[at - 1] != "." else source.rfind(" ", 0, at) + 1
                yield "absolute write", Edit(begin, node.start + match.end(), f"{record}.{match[1]}")
