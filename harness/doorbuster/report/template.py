"""Pages from the templates: every value escaped, control characters visible, no code but the page's own allowed."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from doorbuster.host.resources import resource
from doorbuster.model.verdict import Verdict
from doorbuster.report import text, verdict

_STYLES = ("uplot/uPlot.min.css", "report.css")


def page(
    template: str, scripts: Sequence[str] = (), filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """A template as a self-contained document, with these assets as its only scripts."""
    style = Markup("\n".join(_asset(name) for name in _STYLES))
    codes = [Markup(_asset(name)) for name in scripts]
    environment = _environment()
    environment.filters.update(filters or {})
    return environment.get_template(template).render(
        **values, style=style, scripts=codes, policy=_policy([style], codes)
    )


def data_block(value: object) -> Markup:
    """``value`` as JSON that cannot leave its ``<script type="application/json">``, whatever text it holds."""
    encoded = json.dumps(value)
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)


def _asset(name: str) -> str:
    content = resource(f"reports/assets/{name}").read_text(encoding="utf-8")
    if "</script" in content.lower() or "</style" in content.lower():
        raise ValueError(f"the asset {name} would end its own element; it cannot be inlined")
    return content


def _policy(styles: list[Markup], scripts: list[Markup]) -> str:
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(contents: list[Markup]) -> str:
    digests = (hashlib.sha256(content.encode("utf-8")).digest() for content in contents)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _environment() -> jinja2.Environment:
    folder = resource("reports/templates/report.html.j2").parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        ms=text.milliseconds,
        seconds=text.seconds,
        number=text.number,
        value=text.value_text,
        label=text.label,
        count=text.count,
        stall=text.stall_in_words,
        words=text.row_in_words,
    )
    environment.globals.update(words_of=verdict.WORDS, symbol_of=verdict.SYMBOLS, Verdict=Verdict, dash=text.NONE)
    return environment


def _shown(value: object) -> object:
    """What the template prints: foreign text with its control characters visible; our own markup as it is."""
    return text.clean_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value
