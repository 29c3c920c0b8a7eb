"""Where in a shop's files its statements stand, so that a failure can point at a line."""

import re
from collections.abc import Iterator
from pathlib import Path

from doorbuster.config.contract import LoadedContract
from doorbuster.instrument.outline import Node, NotUnderstood, read_body
from doorbuster.model.contract import Contract
from doorbuster.model.result import SourceLine

_FUNCTION = re.compile(
    r"create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(?P<name>[\w.\"]+)\s*\(.*?\bas\s+(?P<tag>\$\w*\$)"
    r"(?P<body>.*?)(?P=tag)",
    re.IGNORECASE | re.DOTALL,
)
_STATEMENTS = frozenset(("execsql", "perform", "dynexecute", "for", "call"))
_TEXT_LIMIT = 160


def source_lines(loaded: LoadedContract) -> tuple[SourceLine, ...]:
    """The statements of the functions that place an order, and of the flow itself, each with the parts it touches.

    Of a function that several files define, the last counts. A body that is not understood gives its first line.
    """
    contract = loaded.contract
    calls = " ".join(step.sql for step in contract.place.calls)

    def is_called(name: str) -> bool:
        # What a shop behind HTTP calls is its own business: then every function counts.
        return contract.place.http is not None or bool(re.search(rf"\b{re.escape(name)}\b", calls, re.IGNORECASE))

    functions: dict[str, list[SourceLine]] = {}
    for file in contract.schema.files:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        for match in _FUNCTION.finditer(text):
            name = match["name"].replace('"', "").rpartition(".")[2]
            if is_called(name):
                functions[name] = list(_of_function(match, text, file, name, contract))
    return (*(line for lines in functions.values() for line in lines), *_of_flow(loaded))


def _of_function(match: re.Match[str], text: str, file: str, name: str, contract: Contract) -> Iterator[SourceLine]:
    yield SourceLine(file, _line(text, match.start()), name, (), f"function {name}")
    body, first = match["body"], _line(text, match.start("body"))
    try:
        nodes = list(_flat(read_body(body)))
    except NotUnderstood:
        return
    for node in nodes:
        if node.kind in _STATEMENTS:
            head = node.groups[0][0].start if node.groups and node.groups[0] else node.end  # of a loop, its query
            words = " ".join(body[node.start : head].split())
            if touches := _touched(words, contract):
                begin = node.start + len(body[node.start :]) - len(body[node.start :].lstrip())
                yield SourceLine(file, first + body.count("\n", 0, begin), name, touches, words[:_TEXT_LIMIT])


def _of_flow(loaded: LoadedContract) -> Iterator[SourceLine]:
    """The lines of a contract whose own statements place an order."""
    lines, inside = loaded.text.splitlines(), False
    for number, line in enumerate(lines, 1):
        if header := re.match(r"\s*\[+\s*([\w.]+)", line):
            inside = header[1].split(".")[0] == "place"
        touches = _touched(line, loaded.contract) if inside else ()
        if touches and not line.lstrip().startswith("#"):
            yield SourceLine(str(loaded.path), number, "place", touches, line.strip()[:_TEXT_LIMIT])


def _touched(words: str, contract: Contract) -> tuple[str, ...]:
    tables = {"stock": [mapping.table for mapping in contract.stock], "lines": [contract.lines.table]}
    tables |= {"orders": [contract.orders.table]} if contract.orders else {}
    tables |= {"movements": [contract.movements.table]} if contract.movements else {}
    return tuple(part for part, names in tables.items() if any(_names(words, table) for table in names))


def _names(words: str, table: str) -> bool:
    last = table.replace('"', "").rpartition(".")[2]
    return bool(re.search(rf"(?<!\w){re.escape(last)}(?!\w)", words, re.IGNORECASE))


def _flat(node: Node) -> Iterator[Node]:
    yield node
    for group in node.groups:
        for inner in group:
            yield from _flat(inner)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
