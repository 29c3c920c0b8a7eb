"""Numbers, durations and foreign text, written the same way in every report."""

import re
from collections.abc import Mapping
from decimal import Decimal

from doorbuster.model.result import PhaseResult
from doorbuster.model.stall import Stall

NONE = "–"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_CONTROL_BUT_LINES = re.compile(_CONTROL.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))
_URL_PASSWORD = re.compile(r"(\b[A-Za-z][\w+.-]*://[^\s:/@]*):[^\s/@]+@")
_KEYWORD_PASSWORD = re.compile(r"(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE)
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def redacted(text: str) -> str:
    """``text`` without the passwords of connection strings: no report is a place for them."""
    if "://" not in text and "assword" not in text.lower():
        return text
    return _KEYWORD_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))


def clean(text: str) -> str:
    """Foreign text on one line, control and bidirectional characters made visible.

    A row's text must not move a terminal's cursor, turn a line around, or make an XML file invalid.
    """
    return _CONTROL.sub(_visible, redacted(text))


def clean_lines(text: str) -> str:
    """As ``clean``, with line ends and tabs kept: for error messages and tracebacks."""
    return _CONTROL_BUT_LINES.sub(_visible, redacted(text.replace("\r\n", "\n")))


def number(value: float) -> str:
    """``value`` with thousands separators and no more digits than a reader needs: 1,234 or 12.3 or 0.042."""
    if value == int(value):
        return f"{int(value):,}"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """``amount`` and its noun: ``1 order``, ``1,204 orders``."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def milliseconds(value: float | None) -> str:
    """A latency in milliseconds with its unit; a dash where nothing was measured."""
    return NONE if value is None else f"{number(value)} ms"


def seconds(value: float) -> str:
    """A duration given in seconds: ``850 ms``, ``12.3 s``, ``2 min 5 s``."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def value_text(value: object) -> str:
    """One value of a violation's row as a person would write it, on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case Decimal():
            return f"{value:f}" if value.is_finite() else str(value)
        case dict():
            return "{" + ", ".join(f"{clean(str(k))}: {value_text(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(value_text(v) for v in value) + "]"
    return clean(str(value))


def label(name: str) -> str:
    """A column's or an outcome's name in words: ``order_key`` is *order key*."""
    return clean(name.replace("_", " "))


def shortened(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters, an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def row_in_words(row: Mapping[str, object], value_limit: int = 120) -> str:
    """A violation's row as one line: ``order key k-7, live orders 2``."""
    return ", ".join(f"{label(k)} {shortened(value_text(v), value_limit)}" for k, v in row.items())


def outcomes_in_words(outcomes: Mapping[str, int]) -> str:
    """The outcomes that occurred: ``ok 40, sold out 20``."""
    return ", ".join(f"{label(name)} {amount:,}" for name, amount in outcomes.items() if amount) or NONE


def stall_in_words(stall: Stall) -> str:
    """A stall as a clause, with what was broken meanwhile."""
    why = f"while {stall.fault} was on" if stall.fault else "although nothing was broken on purpose"
    return (
        f"no answer for {seconds(stall.length_s)} from {seconds(stall.start_s)} on, {count(stall.orders, 'order')} "
        f"waiting, {why}"
    )


def phase_in_words(phase: PhaseResult) -> str:
    """A phase's rate and latencies, and whatever did not go as planned."""
    marks = ((50, phase.p50_ms), (95, phase.p95_ms), (99, phase.p99_ms))
    latencies = ", ".join(f"p{mark} {milliseconds(value)}" for mark, value in marks)
    parts = [
        f"{phase.name}: {number(phase.throughput)} of {number(phase.rate or 0)} orders a second answered",
        f"{latencies}, most {milliseconds(phase.max_ms)}",
    ]
    if phase.late:
        parts.append(f"{phase.late:,} began late, the latest by {milliseconds(phase.late_max_ms)}")
    if phase.dropped:
        parts.append(f"{phase.dropped:,} never sent")
    if phase.connects:
        parts.append(f"{phase.connects:,} waited for a connection, the longest {milliseconds(phase.connect_max_ms)}")
    return "; ".join(parts)
