"""Templates of a request: ``:name`` in a URL, a header or a body becomes a value, written as its place wants it.

In JSON a parameter outside a string becomes a JSON value (``:total`` the number 21.00, ``:lines`` a list), inside a
string plain text; in a URL and in a form it is percent-encoded; elsewhere it is text as it is.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

Kind = Literal["json", "url", "text"]

# A colon right behind a word or another colon begins no parameter: a port, a scheme, "urn:isbn:…".
_PARAMETER = re.compile(r"(?<![\w:]):([A-Za-z_]\w*)")
_JSON_WORDS = ("true", "false", "null")


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text that is JSON already: a number digit by digit, never through a float, or a list of lines."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose parameters are known by place: ``pieces`` are plain text, or (name, how to write its value)."""

    pieces: "tuple[str | tuple[str, Callable[[Any], str]], ...]"

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in order; one that stands twice is there twice."""
        return tuple(piece[0] for piece in self.pieces if not isinstance(piece, str))

    def filled(self, values: Mapping[str, Any]) -> str:
        """The text with ``values`` in it.

        Raises:
            KeyError: a parameter has no value.
        """
        return "".join(piece if isinstance(piece, str) else piece[1](values[piece[0]]) for piece in self.pieces)


def parse_template(text: str, kind: Kind) -> Template:
    """``text`` with its parameters found."""
    pieces: list[str | tuple[str, Callable[[Any], str]]] = []
    position = 0
    strings = _strings(text) if kind == "json" else ()
    for match in _PARAMETER.finditer(text):
        inside = any(first < match.start() < end for first, end in strings)
        if kind == "json" and not inside and match[1] in _JSON_WORDS:
            continue
        pieces += [text[position : match.start()], (match[1], _writer(kind, inside))]
        position = match.end()
    return Template(tuple(piece for piece in (*pieces, text[position:]) if piece))


def unknown_in_template(text: str, kind: Kind, known: Collection[str]) -> list[tuple[str, int]]:
    """Names used in ``text`` that are not ``known``, each with the line (from 1) of its first use."""
    unknown = dict.fromkeys(name for name in parse_template(text, kind).names if name not in known)
    return [(name, text.count("\n", 0, text.index(f":{name}")) + 1) for name in unknown]


def kind_of_body(headers: Mapping[str, str]) -> Kind:
    """How a body with these headers is written: JSON, unless they say otherwise."""
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "json")
    if "json" in content_type.lower():
        return "json"
    return "url" if "form-urlencoded" in content_type.lower() else "text"


def _writer(kind: Kind, inside: bool) -> Callable[[Any], str]:
    if kind == "url":
        return lambda value: quote(_text(value), safe="")
    if kind == "text":
        return _text
    return _json_text if inside else as_json


def as_json(value: Any) -> str:
    """A value as JSON."""
    return value.text if isinstance(value, Verbatim) else json.dumps(value, default=str)


def _json_text(value: Any) -> str:
    return json.dumps(_text(value))[1:-1]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, Verbatim)) else as_json(value)


def _strings(text: str) -> tuple[tuple[int, int], ...]:
    """Where the JSON strings of ``text`` begin and end."""
    return tuple(match.span() for match in re.finditer(r'"(?:[^"\\]|\\.)*"', text, re.DOTALL))
